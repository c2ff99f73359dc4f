import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct DeadLetterList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List dead letters, oldest first.",
    discussion: """
      EXAMPLE
        wasmatrix events dead list
        wasmatrix events dead list --from 100 --limit 20 --json
      """)

  @Option(help: ArgumentHelp("The first id.", valueName: "id"))
  var from: Int64 = 0

  @Option(help: ArgumentHelp("The most to list (1 to \(APILimits.page)).", valueName: "n"))
  var limit = APILimits.defaultPage

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (1...APILimits.page).contains(limit) else {
      throw ValidationError("--limit is 1 to \(APILimits.page)")
    }
  }

  func run() async throws {
    let letters = try await server.withClient {
      try await $0.deadLetters(from: DeliveryID(from), limit: limit)
    }
    try ResultPrinter.print(letters, output) {
      var table = TextTable(
        .number("ID"), .number("OFFSET"), .text("MODULE"), .text("TOPIC"), .text("EVENT"),
        .text("DIED"), .number("ATTEMPTS"), .text("LAST FAILURE"))
      for letter in letters {
        table.add(
          "\(letter.id)", "\(letter.offset)", letter.module.text,
          letter.event?.topic.text ?? "(damaged)", letter.event?.id ?? "(damaged)",
          "\(letter.diedAt)", "\(letter.history.last?.attempt ?? 0)",
          letter.history.last.map { GuestFailureText.line($0.failure) } ?? "")
      }
      return table
    }
  }
}
