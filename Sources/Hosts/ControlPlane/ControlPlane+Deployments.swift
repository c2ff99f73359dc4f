public import ClusterModel
import ControlPlaneLogic
import EventRouting
public import HostPorts
import Logging
import NodeAgent

// Deployments, and looking at the whole: what ``ClusterService`` says of them.
extension ControlPlane: ClusterService {
  public func deploy(
    _ manifest: ApplicationManifest, versions: [ModuleName: ModuleVersion], by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> [DeploymentStatus] {
    var wishes: [DeploymentWish] = []
    for module in manifest.modules {
      guard let version = versions[module.name] else {
        throw Problem(
          .invalidInput, code: "version_missing",
          "it is not said which version of \(module.name) to deploy",
          next: "Push its code first and name the version; `wasmatrix deploy` does both.")
      }
      wishes.append(
        DeploymentWish(
          name: module.name, version: version, configuration: module.configuration))
    }
    let reply = try await ask(watching: progress) {
      .deploymentRequested($0, manifest.name, wishes, caller.requester)
    }
    guard case .deployed(let deployments) = reply else { throw Self.unexpected }
    progress(DeployProgress(step: .done, module: nil, message: "\(manifest.name) deployed"))
    return deployments.map { DeploymentStatus(deployment: $0, state: .ready) }
  }

  public func deployments(for caller: Caller) async throws(Problem) -> [DeploymentStatus] {
    logic.catalog.placed.keys.sorted().filter { $0.namespace == caller.namespace }
      .compactMap { logic.catalog.placed[$0]?.status }
  }

  public func undeploy(
    _ target: UndeployTarget, by caller: Caller
  ) async throws(Problem) -> [ModuleName] {
    let reply = try await ask { .undeploymentRequested($0, target, caller.requester) }
    guard case .undeployed(let names) = reply else { throw Self.unexpected }
    return names
  }

  public func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus] { [agent.status] }

  public func placements(for caller: Caller) async throws(Problem) -> [PlacementStatus] {
    agent.placementStatuses
  }

  public var isReady: Bool { phase == .running }
}

extension CatalogLogic.Placed {
  var status: DeploymentStatus {
    let state: DeploymentStatus.State =
      switch self.state {
      case .preparing: .preparing
      case .ready: .ready
      case .failed(let problem): .failed(problem)
      }
    return DeploymentStatus(deployment: deployment, state: state)
  }
}
