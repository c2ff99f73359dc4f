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
      rejected and why; then what would wake it, and what it would be granted. Nothing is pushed or \
      changed. --json prints a list of placements, each with "triggers" and "capabilities".

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
    let planned = explanations.map { PlannedModule($0, in: application.manifest) }
    if output.json { return try ResultPrinter.printJSON(planned) }
    for (index, module) in planned.enumerated() {
      if index > 0 { StandardOutput.write("\n") }
      ExplanationPrinter.print(module.explanation)
      try WakingText.print(module.triggers, module.capabilities)
    }
  }

  /// Where a module would run, with what its manifest says of it.
  private struct PlannedModule: Encodable {
    let explanation: PlacementExplanation
    let triggers: [TriggerResource]
    let capabilities: CapabilityGrants

    private enum CodingKeys: String, CodingKey { case triggers, capabilities }

    init(_ explanation: PlacementExplanation, in manifest: ApplicationManifest) {
      self.explanation = explanation
      let configuration =
        manifest.modules.first { $0.name == explanation.decision.module }?.configuration
      triggers = configuration?.triggers.map { TriggerResource($0) } ?? []
      capabilities = configuration?.capabilities ?? .none
    }

    func encode(to encoder: any Encoder) throws {
      try explanation.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(triggers, forKey: .triggers)
      try container.encode(capabilities, forKey: .capabilities)
    }
  }
}
