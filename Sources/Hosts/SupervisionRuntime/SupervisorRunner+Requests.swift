public import ClusterModel
public import HostPorts
import Logging
public import Supervision

// What people ask for, and hear.
extension SupervisorRunner: SupervisionService {
  /// This supervisor and all beneath it.
  public func status() async -> SupervisionStatus {
    var children: [SupervisionStatus] = []
    for child in supervisor.status.map(withKill) {
      // Another one may have taken its place meanwhile; it is looked up each time.
      let nested = await lives[child.id]?.nested?.status()
      children.append(
        SupervisionStatus(
          child, strategy: strategy(of: child.id), children: nested?.children ?? []))
    }
    return SupervisionStatus(
      name: String(path.split(separator: "/").last ?? ""), kind: .supervisor,
      state: supervisor.state.asChild, restarts: 0, starts: 1, lastExit: nil, since: nil,
      strategy: specification.strategy, children: children)
  }

  /// One that was killed runs no more, although its supervisor only hears of it when it has ended.
  private func withKill(_ child: ChildStatus) -> ChildStatus {
    guard child.state == .running, lives[child.id]?.isKilled == true else { return child }
    return ChildStatus(
      id: child.id, kind: child.kind, state: .stopping, restarts: child.restarts,
      starts: child.starts, lastExit: child.lastExit, since: child.since)
  }

  private func strategy(of child: ChildID) -> SupervisionStrategy? {
    guard let content = specification.children.first(where: { $0.rules.id == child })?.content
    else { return nil }
    switch content {
    case .service: return nil
    case .supervisor(let specification): return specification.strategy
    }
  }

  /// Ends a child as if it had crashed, so that its supervisor deals with that: for tests and drills.
  /// Returns when it has begun to end, and does not count as running any more.
  ///
  /// - Parameter path: from this supervisor on: `main/events/router`.
  /// - Throws: ``Problem``: there is no such child, or it does not run.
  public func kill(path: String) async throws(Problem) {
    let target = try await resolve(path)
    await target.runner.killNow(target.incarnation)
  }

  /// Stops a child in order and starts it afresh; it does not count as a failure. Returns when it has
  /// begun.
  ///
  /// - Parameter path: from this supervisor on: `main/events/router`.
  /// - Throws: ``Problem``: there is no such child, or it does not run.
  public func restart(path: String) async throws(Problem) {
    try await resolve(path).send { .restart($0.incarnation.child) }
  }

  /// A running child, and where to send what is wanted from it.
  struct Target: Sendable {
    let incarnation: ChildIncarnation
    let nested: SupervisorRunner?
    let runner: SupervisorRunner

    func send(_ message: (Target) -> Message) { runner.sender.yield(message(self)) }
  }

  private func resolve(_ path: String) async throws(Problem) -> Target {
    var names = path.split(separator: "/", omittingEmptySubsequences: false)[...]
    guard names.popFirst().map(String.init) == self.path.split(separator: "/").last.map(String.init)
    else { throw Self.notRunning(path) }
    var runner: SupervisorRunner? = self
    var target: Target?
    for name in names {
      target = await runner?.target(ChildID(unchecked: String(name)))
      guard let target else { throw Self.notRunning(path) }
      runner = target.nested
    }
    guard let target else { throw Self.notRunning(path) }
    return target
  }

  private func target(_ child: ChildID) -> Target? {
    lives[child].map { Target(incarnation: $0.incarnation, nested: $0.nested, runner: self) }
  }

  private static func notRunning(_ path: String) -> Problem {
    Problem(
      .notFound, code: "no_such_child", "nothing runs at \(path)",
      next: "See what runs with `wasmatrix doctor`.")
  }

  func report(_ event: SupervisorEvent) {
    environment.onEvent(path, event)
    let logger = environment.logger
    switch event {
    case .childStarted(let child): logger.debug("started", metadata: about(child.child))
    case .childStartFailed(let child, let reason):
      logger.error("could not be started", metadata: about(child.child, ["reason": "\(reason)"]))
    case .childEnded(let child, let exit):
      logger.log(
        level: exit.isAbnormal ? .warning : .info, "\(exit.text)", metadata: about(child.child))
    case .childStopped(let child, let exit):
      logger.log(
        level: exit.isAbnormal ? .warning : .debug, "\(exit.text), being stopped",
        metadata: about(child.child))
    case .shutdownTimedOut(let child):
      logger.error("did not stop in time", metadata: about(child.child))
    case .restarting(let child, let exit, let restarts, let delay):
      logger.warning(
        "is restarted",
        metadata: about(
          child,
          [
            "after": "\(exit.text)", "restarts": "\(restarts)",
            "delay-ms": "\(Int(delay.milliseconds))",
          ]))
    case .escalated(let child, let exit, let restarts, let window):
      logger.error(
        "failed more often than \(restarts) times within \(window): its supervisor gives up",
        metadata: about(child, ["after": "\(exit.text)"]))
    }
  }

  private func about(_ child: ChildID, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
    more.merging(["child": "\(path)/\(child)"]) { $1 }
  }
}

extension SupervisionStatus {
  fileprivate init(
    _ child: ChildStatus, strategy: SupervisionStrategy?, children: [SupervisionStatus]
  ) {
    self.init(
      name: child.id.text, kind: child.kind, state: child.state, restarts: child.restarts,
      starts: child.starts, lastExit: child.lastExit?.text, since: child.since,
      strategy: strategy, children: children)
  }
}

extension SupervisorState {
  /// How a supervisor without a supervisor of its own is doing.
  fileprivate var asChild: ChildState {
    switch self {
    case .notStarted: .notStarted
    case .starting, .restarting: .starting
    case .running: .running
    case .stopping: .stopping
    case .ended: .ended
    }
  }
}
