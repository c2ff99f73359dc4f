import ClusterModel
import ControlPlaneLogic
import EventRouting
import HostPorts
import Metrics
import ModuleCatalog
import SupervisionRuntime

// Invocations: carrying out what the logic decides about them.
extension ControlPlane {
  /// Runs a module for somebody who waits. Stopping waits too, and ends it when it takes too long.
  ///
  /// Whoever waits hears the answer where it waits: the thread of the decisions is not asked for it again.
  nonisolated func invoke(
    _ module: ModuleName, with event: Event, _ options: InvocationOptions, by caller: Caller
  ) async throws(Problem) -> ActivationReport {
    let name = QualifiedName(caller.namespace, module)
    var event = event
    if event.attribute(PlatformAttribute.traceParent) == nil {
      event.setAttribute(PlatformAttribute.traceParent, to: caller.traceParent)
    }
    let report = try await answer(to: InvocationWish(name, options), on: event).get()
    if case .success = report.result, !report.effects.isEmpty {
      try await commit(report.effects, of: name, on: event)
    }
    return report
  }

  private nonisolated func answer(
    to wish: InvocationWish, on event: Event
  ) async -> PendingRequests.Answer {
    let request = requestIDs.next()
    let withdraw: @Sendable () -> Void = {
      self.onThread { $0.feed(.invocationWithdrawn(request)) }
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        onThread { $0.begin(request, wish, on: event, continuation) }
        // A cancellation that came before it was known found nothing.
        if Task.isCancelled { withdraw() }
      }
    } onCancel: {
      withdraw()
    }
  }

  private func begin(
    _ request: RequestID, _ wish: InvocationWish, on event: Event,
    _ continuation: CheckedContinuation<PendingRequests.Answer, Never>
  ) {
    do throws(Problem) {
      try requireRunning()
      guard logic.catalog.placed[wish.module]?.deployment.configuration.kind != .service else {
        throw Problem(
          .conflict, code: "module_is_service",
          "\(wish.module.name) is a service: it runs always, and takes no events",
          next: "See how it is with `wasmatrix ps`.")
      }
    } catch {
      return continuation.resume(returning: .failure(error))
    }
    requests.waitForInvocation(request, on: event, continuation)
    feed(.invocationRequested(request, wish))
  }

  /// Sends an invocation to a node.
  func invoke(_ request: RequestID, _ route: Route, _ attempt: Int) {
    guard let event = requests.event(of: request) else { return }
    if attempt > 1 { repeatedInvocations.increment() }
    let ended: @Sendable (ActivationReport, InvocationEnd?) -> Void = { report, end in
      self.onThread { $0.ran(request, route, report, end ?? $0.end(of: report)) }
    }
    guard let agent = links[route.node] else {
      requests.began(request, route.run) {}
      return ended(Self.unreachable(route.node), .notRun(.unreachable))
    }
    let cancel = invocations.begin { place in
      agent.begin(route.placement, under: route.fence, on: event, attempt: attempt) { report in
        ended(report, nil)
        place.leave()
      }
    } dropped: {
      ended(Self.cancelled, nil)
    }
    requests.began(request, route.run, cancel)
  }

  private static let cancelled = ActivationReport(
    result: .failure(ActivationFailure(code: .cancelled, message: "it was cancelled")))

  private static func unreachable(_ node: NodeID) -> ActivationReport {
    ActivationReport(
      result: .failure(
        ActivationFailure(code: .unavailable, message: "node \(node) cannot be reached")))
  }

  private func ran(
    _ request: RequestID, _ route: Route, _ report: ActivationReport, _ end: InvocationEnd
  ) {
    guard requests.ran(request, route.run, report) else { return }
    if phase == .ended {
      // There is no logic any more that could have it run again.
      switch end {
      case .answered, .notRun: requests.answerInvocation(request, run: route.run)
      case .lost, .interrupted: requests.answerInvocation(request, .failure(Self.interrupted))
      }
    } else {
      feed(.invocationEnded(request, route, end))
    }
  }

  /// What still runs for a control plane that has ended: nobody else sees to it that everyone has an answer at the
  /// deadline.
  func endOverdueRuns() {
    let now = clock.now()
    var next: MonotonicInstant?
    for request in requests.running {
      guard let deadline = logic.deadline(of: request) else { continue }
      if deadline <= now.monotonic {
        requests.giveUp(request, logic.outOfTime(request, now))
      } else {
        next = min(next ?? deadline, deadline)
      }
    }
    guard let next else { return }
    thread.setAlarm(after: next - now.monotonic) { [weak self] in
      self?.assumeIsolated { $0.endOverdueRuns() }
    }
  }

  private func end(of report: ActivationReport) -> InvocationEnd {
    switch report.result {
    case .success: .answered(isFaultOfNode: false)
    case .failure(let failure):
      switch failure.code {
      case .overloaded: .notRun(.overloaded)
      case .unavailable: .notRun(.notServed)
      case .nodeLost: .lost
      // Nobody here wanted it to end, so that the caller must hear more than that it did.
      case .cancelled: phase == .stopping ? .answered(isFaultOfNode: false) : .interrupted
      case .internalError: .answered(isFaultOfNode: true)
      case .guestExited, .guestTrapped, .startFailed, .memoryLimit, .cpuTimeLimit, .wallTimeLimit,
        .stackLimit, .outputLimit, .hostCallLimit, .callBytesLimit, .outstandingCallLimit,
        .effectsRefused, .capabilityDenied, .loopDetected, .eventDamaged:
        .answered(isFaultOfNode: false)
      }
    }
  }
}
