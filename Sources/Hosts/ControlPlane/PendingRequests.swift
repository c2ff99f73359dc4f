import ClusterModel
import ControlPlaneLogic
import HostPorts
import ModuleCatalog
import Synchronization

/// Numbers requests; from any thread.
final class RequestIDs: Sendable {
  private let last = Atomic<UInt64>(0)

  func next() -> RequestID {
    RequestID(last.wrappingAdd(1, ordering: .relaxed).newValue)
  }
}

/// Those who wait for an answer of the logic.
struct PendingRequests {
  typealias Answer = Result<ActivationReport, Problem>
  typealias Watcher = @Sendable (DeployProgress) -> Void

  private var replies: [RequestID: CheckedContinuation<ControlPlaneLogic.Reply, Never>] = [:]
  private var events: [RequestID: Append] = [:]
  private var commits: [RequestID: CheckedContinuation<Problem?, Never>] = [:]
  private var watchers: [RequestID: Watcher] = [:]
  private var invocations: [RequestID: Invocation] = [:]

  /// Somebody who waits for an event to be durable.
  private struct Append {
    let series: EventSeries?
    let answer: (Result<AppendedEvent, Problem>) -> Void
  }

  /// Somebody who waits for a module to run.
  private struct Invocation {
    let event: Event
    let continuation: CheckedContinuation<Answer, Never>
    /// What runs of it right now, by its number.
    var running: (run: UInt64, cancel: @Sendable () -> Void)?
    /// What it left behind, until it is known whether that counts.
    var report: (run: UInt64, report: ActivationReport)?
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
    _ request: RequestID, in series: EventSeries?,
    then answer: @escaping (Result<AppendedEvent, Problem>) -> Void
  ) {
    events[request] = Append(series: series, answer: answer)
  }

  func series(of request: RequestID) -> EventSeries? { events[request]?.series }

  mutating func answer(_ request: RequestID, _ result: Result<AppendedEvent, Problem>) {
    events.removeValue(forKey: request)?.answer(result)
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

  // Invocations.

  mutating func waitForInvocation(
    _ request: RequestID, on event: Event, _ continuation: CheckedContinuation<Answer, Never>
  ) {
    invocations[request] = Invocation(event: event, continuation: continuation)
  }

  /// What an invocation is about; `nil` when nobody waits for it any more.
  func event(of request: RequestID) -> Event? { invocations[request]?.event }

  /// - Parameter cancel: ends the run.
  mutating func began(
    _ request: RequestID, _ run: UInt64, _ cancel: @escaping @Sendable () -> Void
  ) {
    invocations[request]?.running = (run, cancel)
  }

  /// A run has left a report.
  ///
  /// - Returns: whether it was still waited for.
  mutating func ran(_ request: RequestID, _ run: UInt64, _ report: ActivationReport) -> Bool {
    guard invocations[request]?.running?.run == run else { return false }
    invocations[request]?.running = nil
    invocations[request]?.report = (run, report)
    return true
  }

  /// What a run left is the answer.
  mutating func answerInvocation(_ request: RequestID, run: UInt64) {
    guard let left = invocations[request]?.report, left.run == run else { return }
    answerInvocation(request, .success(left.report))
  }

  mutating func answerInvocation(_ request: RequestID, _ answer: Answer) {
    invocations.removeValue(forKey: request)?.continuation.resume(returning: answer)
  }

  /// A run does not count any more.
  mutating func endRun(_ request: RequestID, _ run: UInt64) {
    guard let running = invocations[request]?.running, running.run == run else { return }
    invocations[request]?.running = nil
    running.cancel()
  }

  /// Those of whom something runs.
  var running: [RequestID] { invocations.keys.filter { invocations[$0]?.running != nil } }

  /// What runs is not waited for any longer.
  mutating func giveUp(_ request: RequestID, _ problem: Problem) {
    let cancel = invocations[request]?.running?.cancel
    answerInvocation(request, .failure(problem))
    cancel?()
  }

  /// Nothing that waits to run will: what runs comes to its end.
  mutating func refuseInvocations(_ problem: Problem) {
    for request in invocations.keys where invocations[request]?.running == nil {
      answerInvocation(request, .failure(problem))
    }
  }

  /// Nobody will answer any more.
  mutating func refuseAll(_ problem: Problem) {
    for continuation in replies.values { continuation.resume(returning: .refused(problem)) }
    for append in events.values { append.answer(.failure(problem)) }
    for continuation in commits.values { continuation.resume(returning: problem) }
    replies = [:]
    events = [:]
    commits = [:]
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
