import ClusterModel
import HostPorts
import Logging
import Metrics
import NodeAgentLogic
import Supervision

// Services: what the logic orders of them, and what becomes of them.
extension NodeAgent {
  /// A service that runs here.
  struct Service {
    let instance: ServiceInstance
    let task: Task<Void, Never>
    /// Whether it is known to have begun.
    var isKnown = false
  }

  func startService(_ run: ServiceRunID) {
    guard let placement = runner.placement(run.placement) else {
      feed(.serviceEnded(run, .failure("it is not held")))
      return
    }
    let runner = runner
    let instance = runner.instance(run, of: placement.deployment) { [weak self] in
      Task { await self?.serviceBegan(run, of: placement.deployment) }
    }
    let isByHand = logic.isHeldByHand(run.placement.name)
    let task = Task {
      let exit = await runner.serve(placement, run, instance, isByHand: isByHand)
      self.serviceEnded(run, of: placement.deployment, exit)
    }
    services[run] = Service(instance: instance, task: task)
  }

  /// What a service of a placement that serves no more still does on its way down has effects for as long as
  /// the lease that there is now, whatever is acknowledged later.
  func endEffects(of placement: PlacementID) {
    let end = logic.leaseEnd ?? clock.now().monotonic
    for (run, service) in services where run.placement == placement {
      service.instance.effects.runs(until: end)
    }
  }

  private func serviceBegan(_ run: ServiceRunID, of deployment: Deployment) {
    // Its end may have been heard of first.
    guard services[run]?.isKnown == false else { return }
    services[run]?.isKnown = true
    tell(
      run.placement.name.name.text, of: deployment.application, in: deployment.namespace,
      .started(run.start))
    feed(.serviceStarted(run))
  }

  private func serviceEnded(_ run: ServiceRunID, of deployment: Deployment, _ exit: ChildExit) {
    // Otherwise one that ends at once would count as one that could not be started.
    if services[run]?.instance.hasBegun == true { serviceBegan(run, of: deployment) }
    guard services.removeValue(forKey: run) != nil else { return }
    tell(
      run.placement.name.name.text, of: deployment.application, in: deployment.namespace,
      .ended(reason: exit.text))
    feed(.serviceEnded(run, exit))
  }

  /// Ends the instance of a service as if it had crashed.
  func killService(_ module: QualifiedName) -> Bool {
    guard let run = logic.serviceRun(of: module), let service = services[run] else { return false }
    service.task.cancel()
    return true
  }

  func log(
    _ namespace: Namespace, _ application: ApplicationName, _ path: String, _ event: SupervisorEvent
  ) {
    let name = path.isEmpty ? application.text : "\(application)/\(path)"
    switch event {
    case .restarting(let child, let exit, let restarts, let delay):
      Counter(
        label: "wasmatrix_service_restarts_total",
        dimensions: [("application", application.text), ("service", child.text)]
      ).increment()
      logger.warning(
        "a service is restarted",
        metadata: [
          "service": "\(name)/\(child)", "after": "\(exit.text)", "restarts": "\(restarts)",
          "delay-ms": "\(delay.nanoseconds / 1_000_000)",
        ])
      tell(
        child.text, of: application, in: namespace,
        .restarting(after: exit.text, restarts: restarts, delay: delay))
    case .escalated(let child, let exit, let restarts, let window):
      logger.error(
        "a supervisor of services gives up",
        metadata: ["supervisor": "\(name)", "service": "\(child)", "after": "\(exit.text)"])
      tell(
        child.text, of: application, in: namespace,
        .escalated(after: exit.text, restarts: restarts, within: window))
    case .shutdownTimedOut(let incarnation):
      logger.warning(
        "a service did not end in time and is killed",
        metadata: ["service": "\(name)/\(incarnation.child)"])
    case .childStarted, .childStartFailed, .childEnded, .childStopped: break
    }
  }

  private func tell(
    _ child: String, of application: ApplicationName, in namespace: Namespace,
    _ happening: ServiceNews.Happening
  ) {
    plane.tell(
      ServiceNews(
        child: child, namespace: namespace, application: application, node: registration.node,
        at: clock.now().wall, happening: happening))
  }

  /// How services are, by placement.
  func serviceStatuses(_ placements: some Sequence<PlacementID>) -> [PlacementID: ServiceStatus] {
    var statuses: [PlacementID: ServiceStatus] = [:]
    for placement in placements {
      guard let (status, starts) = logic.serviceState(of: placement) else { continue }
      statuses[placement] = ServiceStatus(
        state: status.state, restarts: max(0, starts - 1), since: status.since,
        lastExit: status.lastExit?.text)
    }
    return statuses
  }
}
