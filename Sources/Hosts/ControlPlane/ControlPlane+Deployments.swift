import ClusterModel
import ControlPlaneLogic
import EventRouting
import HostPorts
import Logging
import ModuleCatalog
import Scheduling

// Deployments, and looking at the whole: what ``ClusterService`` says of them.
extension ControlPlane: ClusterService {
  func deploy(
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

  func deployments(for caller: Caller) async throws(Problem) -> [DeploymentStatus] {
    logic.catalog.placed.keys.sorted().filter { $0.namespace == caller.namespace }
      .compactMap { logic.catalog.placed[$0]?.status }
  }

  func undeploy(
    _ target: UndeployTarget, by caller: Caller
  ) async throws(Problem) -> [ModuleName] {
    let reply = try await ask { .undeploymentRequested($0, target, caller.requester) }
    guard case .undeployed(let names) = reply else { throw Self.unexpected }
    return names
  }

  nonisolated func rollBack(
    _ module: ModuleName, to version: ModuleVersion?, by caller: Caller
  ) async throws(Problem) -> DeploymentStatus {
    let name = QualifiedName(caller.namespace, module)
    let reply = try await ask { .rollbackRequested($0, name, to: version, caller.requester) }
    guard case .deployed(let deployments) = reply, let deployment = deployments.first else {
      throw Self.unexpected
    }
    return DeploymentStatus(deployment: deployment, state: .ready)
  }

  nonisolated func scale(
    _ module: ModuleName, to replicas: Int, by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> DeploymentStatus {
    let name = QualifiedName(caller.namespace, module)
    let reply = try await ask(watching: progress) {
      .scaleRequested($0, name, replicas: replicas, caller.requester)
    }
    guard case .deployed(let deployments) = reply, let deployment = deployments.first else {
      throw Self.unexpected
    }
    progress(
      DeployProgress(
        step: .done, module: module, message: "\(module) has \(replicas) replicas"))
    return DeploymentStatus(deployment: deployment, state: .ready)
  }

  func planScale(
    _ module: ModuleName, to replicas: Int, for caller: Caller
  ) async throws(Problem) -> PlacementExplanation {
    try requireRunning()
    let deployment = try deployment(of: module, for: caller)
    if let problem = Catalog.obstacle(toScaling: deployment, replicas) { throw problem }
    var configuration = deployment.configuration
    configuration.placement.replicas = replicas
    return explanation(of: deployment.qualifiedName, configuration)
  }

  private func deployment(
    of module: ModuleName, for caller: Caller
  ) throws(Problem) -> Deployment {
    let name = QualifiedName(caller.namespace, module)
    guard let placed = logic.catalog.placed[name] else {
      throw Problem(
        .notFound, code: "not_deployed", "module \(name) is not deployed",
        next: "See what is with `wasmatrix ps`, or try `wasmatrix plan APP.yaml`.")
    }
    return placed.deployment
  }

  func history(
    of module: ModuleName, for caller: Caller
  ) async throws(Problem) -> [Deployment] {
    logic.catalog.history[QualifiedName(caller.namespace, module)] ?? []
  }

  func plan(
    _ manifest: ApplicationManifest, for caller: Caller
  ) async throws(Problem) -> [PlacementExplanation] {
    try requireRunning()
    return manifest.modules.map {
      explanation(of: QualifiedName(caller.namespace, $0.name), $0.configuration)
    }
  }

  /// With the time it took, which the logic cannot know.
  private func explanation(
    of name: QualifiedName, _ configuration: DeploymentConfiguration
  ) -> PlacementExplanation {
    let began = clock.now()
    var explanation = logic.explain(name, configuration, at: began)
    explanation.decision.decisionTime = clock.now().monotonic - began.monotonic
    return explanation
  }

  func explain(
    _ module: ModuleName, for caller: Caller
  ) async throws(Problem) -> PlacementExplanation {
    try requireRunning()
    let deployment = try deployment(of: module, for: caller)
    return explanation(of: deployment.qualifiedName, deployment.configuration)
  }

  var isReady: Bool { phase == .running }
}

extension Catalog.Placed {
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
