import ClusterModel
import HostPorts
import NodeAgentLogic
import Supervision

// Running services.
extension PlacementRunner {
  /// Runs a fresh instance of a service to its end. Cancelling the task ends the instance at once.
  ///
  /// - Parameter isByHand: a hand started it, and no plan.
  @concurrent func serve(
    _ placement: Placement, _ run: ServiceRunID, _ instance: ServiceInstance, isByHand: Bool
  ) async -> ChildExit {
    let deployment = placement.deployment
    let fence = fence(of: run.placement)
    let claim = isByHand ? EffectClaim.byHand : fence.map { .fence(run.placement, $0) }
    let right = right(of: placement, instance, beginningWith: claim)
    let activation = Activation(
      arguments: [deployment.name.text] + deployment.configuration.arguments,
      environment: GuestEnvironment.variables(
        for: deployment, node: id, fence: fence, start: run.start),
      input: [], folders: GuestFolder.granted(by: deployment.configuration.capabilities),
      limits: deployment.configuration.limits.ofService,
      services: serviceRequests(of: placement, run, right), follower: instance)
    began(placement)
    let report = await placement.module.run(activation)
    ended(placement, report)
    instance.close()
    switch report.result {
    case .success: return .normal
    case .failure(let failure):
      return .failure(
        failure.code == .cancelled ? "killed" : "\(failure.code.rawValue): \(failure.message)")
    }
  }

  /// A follower of the instance that a run will have.
  func instance(
    _ run: ServiceRunID, of deployment: Deployment, began: @escaping @Sendable () -> Void
  ) -> ServiceInstance {
    let (logs, clock) = (logs, clock)
    return ServiceInstance(began: began) { bytes in
      logs.keep(
        bytes, isCut: false, of: deployment.qualifiedName,
        as: LogLine(
          at: clock.now().wall, module: deployment.name, version: deployment.version,
          eventID: Self.source(run), text: ""))
    }
  }

  /// Which run a line or an event comes of.
  static func source(_ run: ServiceRunID) -> String {
    "service-\(run.placement.generation)-\(run.start)"
  }
}
