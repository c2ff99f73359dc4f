import ClusterModel
import LocalSystem
import Logging
import Metrics
import Supervision
import SupervisionRuntime

/// All services of a process, from its start until a signal asks for its end.
struct ProcessTree: Sendable {
  /// For those that run in it.
  let handle = SupervisionHandle()

  private enum Ended { case tree, signal }

  /// - Parameters:
  ///   - tell: hears of each event, and of the path of its supervisor.
  ///   - ready: called when everything has started.
  ///   - quiesce: takes in nothing more, and lets what runs come to its end.
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(
    _ children: [ChildSpecification],
    telling tell: @escaping @Sendable (SupervisorEvent, String) -> Void,
    until signals: StopSignals, ready: @escaping @Sendable () -> Void,
    quiesce: @escaping @Sendable () async -> Void
  ) async throws {
    let main = SupervisorRunner(
      name: "main", SupervisorSpecification(children: children),
      SupervisionEnvironment(
        clock: SystemClock(), logger: Logger(label: "supervisor"),
        onEvent: { path, event in
          Self.count(path, event)
          tell(event, path)
        }))
    handle.set(main)
    try await withThrowingTaskGroup(of: Ended.self) { group in
      group.addTask {
        try await main.run(ready: ready)
        return .tree
      }
      group.addTask {
        await signals.first()
        return .signal
      }
      if try await group.next() == .signal {
        ProgressPrinter.note("stopping; a second Ctrl-C ends it at once")
        await quiesce()
        await main.stop()
      }
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  private static func count(_ path: String, _ event: SupervisorEvent) {
    switch event {
    case .restarting(let child, _, _, _):
      Counter(
        label: "wasmatrix_supervision_restarts_total", dimensions: [("child", "\(path)/\(child)")]
      ).increment()
    case .escalated(let child, _, _, _):
      Counter(
        label: "wasmatrix_supervision_escalations_total",
        dimensions: [("child", "\(path)/\(child)")]
      ).increment()
    case .childStarted, .childStartFailed, .childEnded, .childStopped, .shutdownTimedOut: break
    }
  }
}
