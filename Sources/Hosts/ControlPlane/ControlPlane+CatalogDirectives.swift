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
      for message in Self.messages(for: step) { progress[request]?(message) }
    case .startPlacement(let deployment, let record, let request):
      place(deployment, record, request)
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

  private func place(
    _ deployment: Deployment, _ record: ModuleVersionRecord, _ request: RequestID?
  ) {
    let watch = request.flatMap { progress[$0] }
    begin { plane in
      let id = deployment.placement
      do throws(Problem) {
        let module = try await plane.blobs.get(deployment.digest)
        try await plane.agent.place(
          deployment, module: module, record: record, keys: plane.logic.catalog.allKeys
        ) { step in
          watch?(
            DeployProgress(
              step: step, module: deployment.name,
              message: "\(deployment.name)@\(deployment.version) \(step)"))
        }
        plane.feed(.catalog(.placementReady(id)))
      } catch {
        plane.placementFailed(deployment, error)
      }
    }
  }

  private func placementFailed(_ deployment: Deployment, _ problem: Problem) {
    logger.error(
      "a placement failed",
      metadata: ["module": "\(deployment.name)@\(deployment.version)", "problem": "\(problem)"])
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

  private static func messages(for step: CatalogStep) -> [DeployProgress] {
    switch step {
    case .accepted(let modules):
      [
        DeployProgress(
          step: .accepted, module: nil,
          message: "deploying \(modules.map(\.text).joined(separator: ", "))")
      ]
    case .ready(let module):
      [DeployProgress(step: .ready, module: module, message: "\(module) ready")]
    case .persisted:
      [DeployProgress(step: .persisted, module: nil, message: "durable, events follow")]
    }
  }
}
