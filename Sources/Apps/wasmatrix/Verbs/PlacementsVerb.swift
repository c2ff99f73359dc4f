import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts
import Supervision

struct PlacementsVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ps",
    abstract: "List what is ready to run, and where.",
    discussion: """
      One line for each version that is made ready on a node, with what it has done so far. Active \
      ones serve; fallbacks take over when a node is lost; retained ones were replaced and are kept \
      ready for a rollback. CODE is quick until the optimised code is there, which replaces it without \
      an interruption. Of those of the present deployment also what wakes them and what they are \
      granted (--json: "triggers", "capabilities"); `wasmatrix modules NAME` shows it in full. SERVICE says \
      of modules of kind service what their instance is doing, since when, how often it was started \
      again, and how the one before it ended (--json: "service"). What has failed everywhere has the role \
      failed here (not in --json).

      Each node is asked, and what one does not say within 2 s is not shown: such nodes are named in a warning \
      (--json: {"items": [...], "unanswered": [...]}), also those that are silent. The exit status is 0 all the \
      same.

      EXAMPLE
        wasmatrix ps
        wasmatrix ps --json
      """)

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let (placements, deployments) = try await server.withClient { client in
      (try await client.placements(), try await client.deployments())
    }
    let shown = placements.items.map { ShownPlacement($0, of: deployments) }
    let list = FleetListResource(items: shown, unanswered: placements.unanswered)
    try FleetListPrinter.print(list, output) {
      var table = TextTable(
        .text("MODULE"), .text("VERSION"), .text("NODE"), .text("ROLE"), .number("GENERATION"),
        .text("CODE"), .text("SERVICE"), .number("RUNNING"), .number("ACTIVATIONS"),
        .number("FAILURES"),
        .text("READY SINCE"), .text("TRIGGERS"), .text("GRANTS"))
      for one in shown {
        let placement = one.placement
        table.add(
          "\(placement.module)", "\(placement.version)", "\(placement.node)",
          placement.role.rawValue, "\(placement.generation)", placement.code.rawValue,
          Self.text(placement.service),
          "\(placement.running)", "\(placement.activations)", "\(placement.failures)",
          "\(placement.readySince)",
          WakingText.short(one.deployment?.triggers ?? []),
          WakingText.short(one.deployment?.capabilities ?? .none))
      }
      for deployment in deployments where deployment.state == .failed {
        if shown.contains(where: { $0.deployment == deployment }) { continue }
        table.add(
          "\(deployment.name)", "\(deployment.version)", "", "failed", "\(deployment.generation)",
          "",
          Self.reason(of: deployment), "", "", "", "", WakingText.short(deployment.triggers),
          WakingText.short(deployment.capabilities))
      }
      return table
    }
  }

  /// Why a service is nowhere; of other modules `modules` and `doctor` tell.
  private static func reason(of deployment: DeploymentResource) -> String {
    deployment.kind == .service ? deployment.problem?.detail ?? "" : ""
  }

  /// In one cell: `running since ..., 2 restarts, last failed: killed`.
  private static func text(_ service: ServiceStatus?) -> String {
    guard let service else { return "" }
    var parts = [service.state.rawValue + (service.since.map { " since \($0)" } ?? "")]
    parts.append(service.restarts == 1 ? "1 restart" : "\(service.restarts) restarts")
    if let exit = service.lastExit { parts.append("last \(exit)") }
    return parts.joined(separator: ", ")
  }

  /// A placement, with what its deployment says; that of another generation says nothing of it.
  private struct ShownPlacement: Encodable {
    let placement: PlacementResource
    let deployment: DeploymentResource?

    private enum CodingKeys: String, CodingKey { case triggers, capabilities }

    init(_ placement: PlacementResource, of deployments: [DeploymentResource]) {
      self.placement = placement
      deployment = deployments.first {
        $0.name == placement.module && $0.generation == placement.generation
      }
    }

    func encode(to encoder: any Encoder) throws {
      try placement.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(deployment?.triggers, forKey: .triggers)
      try container.encodeIfPresent(deployment?.capabilities, forKey: .capabilities)
    }
  }
}
