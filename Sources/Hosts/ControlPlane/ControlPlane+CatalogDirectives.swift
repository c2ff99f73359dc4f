import ClusterModel
import ControlPlaneLogic
import EventRouting
import HostPorts
import Logging
import NodeAgent

// Carrying out what the catalog decides.
extension ControlPlane {
  func carryOut(_ directive: CatalogLogic.Directive) {
    switch directive {
    case .persist(let id, let changes): persist(id, changes)
    case .reply(let request, let answer): reply(request, answer)
    case .progress(let request, let step):
      tell(Self.message(for: step), request)
    case .startPlacement(let deployment, let record, let request):
      placing.add(PlacementWish(deployment: deployment, record: record, request: request))
      beginPlacements()
    case .stopPlacement(let id): agent.remove(id)
    case .route: preconditionFailure("routes are the router's, see ControlPlaneLogic")
    }
  }

  private func persist(_ id: PersistID, _ changes: [CatalogChange]) {
    begin { plane in
      do throws(Problem) {
        try await plane.catalogStore.persist(changes)
        plane.feed(.catalog(.persisted(id)))
      } catch {
        plane.logger.error(
          "a change of the catalog could not be made durable", metadata: ["problem": "\(error)"])
        plane.feed(.catalog(.persistFailed(id, error)))
      }
    }
  }

  private func beginPlacements() {
    while let wish = placing.next() {
      begin { plane in
        await plane.place(wish)
        plane.placing.ended()
        plane.beginPlacements()
      }
    }
  }

  private func place(_ wish: PlacementWish) async {
    let deployment = wish.deployment
    do throws(Problem) {
      guard phase != .stopping else { throw EventRouter.stopping }
      let module = try await blobs.get(deployment.digest)
      try await agent.place(
        deployment, module: module, record: wish.record, keys: logic.catalog.allKeys
      ) { step in
        tell(
          DeployProgress(
            step: step, module: deployment.name,
            message: "\(deployment.name)@\(deployment.version) \(step)"), wish.request)
      }
      feed(.catalog(.placementReady(deployment.placement)))
    } catch {
      placementFailed(deployment, error)
    }
  }

  /// Tells whoever watches a request, as long as its caller waits.
  private func tell(_ message: DeployProgress, _ request: RequestID?) {
    if let request { progress[request]?(message) }
  }

  private func placementFailed(_ deployment: Deployment, _ problem: Problem) {
    if phase != .stopping {
      logger.error(
        "a placement failed",
        metadata: ["module": "\(deployment.name)@\(deployment.version)", "problem": "\(problem)"])
    }
    if problem.category == .refused {
      feed(
        .catalog(
          .securityEventOccurred(
            SecurityEvent(
              kind: .placementRefused, at: clock.now().wall, principal: .system,
              namespace: deployment.namespace,
              subject: "\(deployment.name)@\(deployment.version)", reason: problem.code,
              detail: problem.message))))
    }
    feed(.catalog(.placementFailed(deployment.placement, problem)))
  }

  private static func message(for step: CatalogStep) -> DeployProgress {
    switch step {
    case .accepted(let modules):
      DeployProgress(
        step: .accepted, module: nil,
        message: "deploying \(modules.map(\.text).joined(separator: ", "))")
    case .ready(let module):
      DeployProgress(step: .ready, module: module, message: "\(module) ready")
    case .persisted:
      DeployProgress(step: .persisted, module: nil, message: "durable, events follow")
    }
  }
}
