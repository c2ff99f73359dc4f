import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import Scheduling

struct PlanVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show where an application would run, and why, without deploying it.",
    discussion: """
      For each module every node with its verdict: chosen, fallback, outscored by others, or \
      rejected and why. Nothing is pushed or changed.

      EXAMPLE
        wasmatrix plan app.yaml
        wasmatrix plan app.yaml --json
      """)

  @Argument(help: ArgumentHelp("The manifest of the application.", valueName: "manifest"))
  var manifest: String

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let application = try LocalApplication(manifestPath: manifest)
    let explanations = try await server.withClient { try await $0.plan(manifest: application.text) }
    if output.json { return try ResultPrinter.printJSON(explanations) }
    for (index, explanation) in explanations.enumerated() {
      if index > 0 { StandardOutput.write("\n") }
      ExplanationPrinter.print(explanation)
    }
  }
}
