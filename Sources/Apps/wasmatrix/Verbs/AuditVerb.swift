import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct AuditVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Look at the security events of the cluster.",
    discussion: """
      EXAMPLE
        wasmatrix audit list --limit 20
      """,
    subcommands: [List.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List security events, oldest first.",
      discussion: """
        Every acceptance and refusal that the cluster's security depends on is an event with a \
        sequence number, from 0 on without gaps.

        EXAMPLE
          wasmatrix audit list
          wasmatrix audit list --from 100 --limit 20 --json
        """)

    @Option(help: ArgumentHelp("The first sequence number.", valueName: "n"))
    var from: Int64 = 0

    @Option(help: ArgumentHelp("The most events to list (1 to 1000).", valueName: "n"))
    var limit = 100

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard from >= 0 else { throw ValidationError("--from begins at 0") }
      guard (1...1000).contains(limit) else { throw ValidationError("--limit is 1 to 1000") }
    }

    func run() async throws {
      let events = try await server.withClient {
        try await $0.securityEvents(from: from, limit: limit)
      }
      try ResultPrinter.print(events, output) {
        var table = TextTable(
          .number("SEQ"), .text("TIME"), .text("KIND"), .text("SUBJECT"), .text("REASON"),
          .text("BY"), .text("DETAIL"))
        for entry in events {
          table.add(
            "\(entry.sequence)", "\(entry.at)", entry.kind.rawValue,
            entry.subject, entry.reason, entry.principal.name,
            entry.detail)
        }
        return table
      }
    }
  }
}
