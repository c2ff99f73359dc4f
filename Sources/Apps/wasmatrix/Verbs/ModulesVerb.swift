import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct ModulesVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "modules",
    abstract: "List the versions in the registry.",
    discussion: """
      EXAMPLE
        wasmatrix modules
        wasmatrix modules clean --json
      """)

  @Argument(
    help: ArgumentHelp("Only the versions of this module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let versions = try await server.withClient { try await $0.modules(named: name) }
    try ResultPrinter.print(versions, output) {
      var table = TextTable(
        .text("MODULE"), .text("VERSION"), .text("DIGEST"), .number("SIZE"), .text("SIGNED BY"),
        .text("PUSHED"))
      for version in versions {
        table.add(
          "\(version.name)", "\(version.version)", version.digest.short, "\(version.size)",
          version.signers.map { $0.text.prefix(12) }.joined(separator: ","),
          "\(version.pushedAt)")
      }
      return table
    }
  }
}
