import ClusterModel
import ControlPlaneLogic
import HostPorts
import Metrics
import SupervisionRuntime

// Invocations: carrying out what the logic decides about them.
extension ControlPlane {
  /// Runs a module for somebody who waits. Stopping waits too, and ends it when it takes too long.
  func runNow(
    _ name: QualifiedName, on event: Event, _ options: InvocationOptions
  ) async throws(Problem) -> ActivationReport {
    try requireRunning()
    let request = requests.next()
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        requests.waitForInvocation(request, on: event, continuation)
        feed(.invocationRequested(request, InvocationWish(name, options)))
        // A cancellation that came before it was known found nothing.
        if Task.isCancelled { feed(.invocationWithdrawn(request)) }
      }
    } onCancel: {
      Task { await self.feed(.invocationWithdrawn(request)) }
    }
    let report = try answer.get()
    if case .success = report.result, !report.effects.isEmpty {
      try await commit(report.effects, of: name, on: event)
    }
    return report
  }

  /// Sends an invocation to a node.
  func invoke(_ request: RequestID, _ route: Route, _ attempt: Int) {
    guard let event = requests.event(of: request) else { return }
    if attempt > 1 { repeatedInvocations.increment() }
    let agent = links[route.node]
    let task = Task {
      guard let agent else {
        ran(request, route, Self.unreachable(route.node), .notRun(.unreachable))
        return
      }
      let report = await invocations.perform {
        await agent.run(route.placement, under: route.fence, on: event, attempt: attempt)
      }
      ran(request, route, report, end(of: report))
    }
    requests.began(request, route.run, task)
  }

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
