import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct ExplainVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say where a deployed module would run now, and why.",
    discussion: """
      Every node with its verdict and the score of each factor: why this one, and why not each other.

      EXAMPLE
        wasmatrix explain clean
        wasmatrix explain clean --json
      """)

  @Argument(
    help: ArgumentHelp("The module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let explanation = try await server.withClient { try await $0.explain(name) }
    if output.json { return try ResultPrinter.printJSON(explanation) }
    ExplanationPrinter.print(explanation)
  }
}
