import ClusterModel
import ControlPlaneLogic
import HostPorts
import ModuleCatalog

/// Those who wait for an answer of the logic.
struct PendingRequests {
  typealias Routing = Result<Route, Problem>
  typealias Watcher = @Sendable (DeployProgress) -> Void

  private var last: UInt64 = 0
  private var replies: [RequestID: CheckedContinuation<ControlPlaneLogic.Reply, Never>] = [:]
  private var events: [RequestID: CheckedContinuation<Result<AppendedEvent, Problem>, Never>] = [:]
  private var commits: [RequestID: CheckedContinuation<Problem?, Never>] = [:]
  private var routings: [RequestID: CheckedContinuation<Routing, Never>] = [:]
  private var watchers: [RequestID: Watcher] = [:]
  private var invocations: [RequestID: Task<ActivationReport, Never>] = [:]
  /// Invocations whose node was lost while they ran.
  private var lost: [RequestID: Problem] = [:]

  mutating func next() -> RequestID {
    last += 1
    return RequestID(last)
  }

  mutating func wait(
    _ request: RequestID, watching: Watcher?,
    _ continuation: CheckedContinuation<ControlPlaneLogic.Reply, Never>
  ) {
    replies[request] = continuation
    watchers[request] = watching
  }

  mutating func answer(_ request: RequestID, _ reply: ControlPlaneLogic.Reply) {
    watchers[request] = nil
    replies.removeValue(forKey: request)?.resume(returning: reply)
  }

  /// Tells whoever watches a request how it comes on.
  func tell(_ request: RequestID, _ step: CatalogStep) {
    watchers[request]?(DeployProgress(step))
  }

  mutating func waitForAppend(
    _ request: RequestID,
    _ continuation: CheckedContinuation<Result<AppendedEvent, Problem>, Never>
  ) {
    events[request] = continuation
  }

  mutating func answer(_ request: RequestID, _ result: Result<AppendedEvent, Problem>) {
    events.removeValue(forKey: request)?.resume(returning: result)
  }

  mutating func waitForCommit(
    _ request: RequestID, _ continuation: CheckedContinuation<Problem?, Never>
  ) {
    commits[request] = continuation
  }

  /// - Parameter problem: why nothing was made durable; `nil` when it was.
  mutating func answerCommit(_ request: RequestID, _ problem: Problem?) {
    commits.removeValue(forKey: request)?.resume(returning: problem)
  }

  mutating func waitForRoute(
    _ request: RequestID, _ continuation: CheckedContinuation<Routing, Never>
  ) {
    routings[request] = continuation
  }

  /// It is known where an invocation runs, or that it does not; also, later, that its node was lost.
  mutating func route(_ request: RequestID, _ routing: Routing) {
    if let continuation = routings.removeValue(forKey: request) {
      continuation.resume(returning: routing)
    } else if case .failure(let problem) = routing, let invocation = invocations[request] {
      lost[request] = problem
      invocation.cancel()
    }
  }

  mutating func began(_ request: RequestID, _ task: Task<ActivationReport, Never>) {
    invocations[request] = task
  }

  /// - Returns: why its outcome is unknown; `nil` when it is known.
  mutating func ended(_ request: RequestID) -> Problem? {
    invocations[request] = nil
    return lost.removeValue(forKey: request)
  }

  /// Nobody will answer any more.
  mutating func refuseAll(_ problem: Problem) {
    for continuation in replies.values { continuation.resume(returning: .refused(problem)) }
    for continuation in events.values { continuation.resume(returning: .failure(problem)) }
    for continuation in commits.values { continuation.resume(returning: problem) }
    for continuation in routings.values { continuation.resume(returning: .failure(problem)) }
    replies = [:]
    events = [:]
    commits = [:]
    routings = [:]
    watchers = [:]
  }
}

extension DeployProgress {
  fileprivate init(_ step: CatalogStep) {
    switch step {
    case .accepted(let modules):
      self.init(
        step: .accepted, module: nil,
        message: "deploying \(modules.map(\.text).joined(separator: ", "))")
    case .ready(let module):
      self.init(step: .ready, module: module, message: "\(module) ready")
    case .persisted:
      self.init(step: .persisted, module: nil, message: "durable, events follow")
    }
  }
}
