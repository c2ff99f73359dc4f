public import ClusterModel
import Synchronization

/// The place of a resource that a supervised service owns and others use. While the service is being
/// restarted it is empty, and whoever wants to use the resource waits a little.
///
/// What was borrowed before may be used to its end: the owner closes the resource only then, and each
/// use has a definite outcome.
public final class ResourceSlot<Resource: Sendable>: Sendable {
  private struct State {
    var resource: Resource?
    /// Tells the owner that its resource is broken.
    var complaints: AsyncStream<Problem>.Continuation?
    var waiting: [UInt64: CheckedContinuation<Resource?, Never>] = [:]
    /// Those who gave up before they had begun to wait.
    var gone: Set<UInt64> = []
    var last: UInt64 = 0
  }

  private let name: String
  private let patience: Duration
  private let state = Mutex(State())

  /// Whoever waits holds a request in memory: more are told to come back.
  private static var mostWaiting: Int { 65_536 }

  /// - Parameters:
  ///   - name: for people: "the event log".
  ///   - patience: how long a user waits for a restart. Default: 5 s, in which a supervisor tries
  ///     several times.
  public init(_ name: String, patience: Duration = .seconds(5)) {
    self.name = name
    self.patience = patience
  }

  /// The resource, if it is there right now.
  public var current: Resource? { state.withLock { $0.resource } }

  /// The resource, as soon as it is there.
  ///
  /// - Throws: ``Problem`` `restarting`: it did not come back in time, or the task was cancelled.
  public func borrow() async throws(Problem) -> Resource {
    if let resource = current { return resource }
    let id = state.withLock { state in
      state.last += 1
      return state.last
    }
    let timer = Task { [patience] in
      // Cancelled when the wait is over sooner.
      try? await Task.sleep(for: patience)
      self.giveUp(id)
    }
    defer { timer.cancel() }
    let resource = await withTaskCancellationHandler {
      await withCheckedContinuation { wait(id, $0) }
    } onCancel: {
      giveUp(id)
    }
    state.withLock { _ = $0.gone.remove(id) }
    guard let resource else { throw absent }
    return resource
  }

  /// Says that the resource no longer works: its owner fails, and is started afresh.
  public func reportBroken(_ problem: Problem) {
    state.withLock { $0.complaints }?.yield(problem)
  }

  /// Puts something there that does not break by itself.
  ///
  /// - Returns: takes it away again.
  public func lend(_ resource: Resource) -> @Sendable () -> Void {
    _ = put(resource)
    return { self.withdraw() }
  }

  /// The owner puts it there.
  ///
  /// - Returns: what users say when it is broken.
  func put(_ resource: Resource) -> AsyncStream<Problem> {
    let (complaints, continuation) = AsyncStream.makeStream(
      of: Problem.self, bufferingPolicy: .bufferingOldest(1))
    let waiting = state.withLock { state in
      state.resource = resource
      state.complaints = continuation
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume(returning: resource) }
    return complaints
  }

  /// The owner takes it away.
  func withdraw() {
    state.withLock { state in
      state.resource = nil
      state.complaints = nil
    }
  }

  private func wait(_ id: UInt64, _ continuation: CheckedContinuation<Resource?, Never>) {
    let answer: Resource?? = state.withLock { state in
      if let resource = state.resource { return .some(resource) }
      guard state.gone.remove(id) == nil, state.waiting.count < Self.mostWaiting else {
        return .some(nil)
      }
      state.waiting[id] = continuation
      return nil
    }
    if let answer { continuation.resume(returning: answer) }
  }

  private func giveUp(_ id: UInt64) {
    let continuation = state.withLock { state in
      let waiting = state.waiting.removeValue(forKey: id)
      if waiting == nil { state.gone.insert(id) }
      return waiting
    }
    continuation?.resume(returning: nil)
  }

  private var absent: Problem {
    Problem(
      .unavailable, code: "restarting", "\(name) is being restarted",
      next: "Try again in a moment; see `wasmatrix doctor`.")
  }
}
