import ClusterModel
import HostPorts
import Synchronization

/// Those who follow events as they come. Each gets a sign when there is something new, and reads it from
/// the log: so nothing waits for them here, however slow they are.
public final class EventTails: Sendable {
  private struct Tail {
    let filter: TopicFilter
    let namespace: Namespace
    var signs: AsyncStream<Void>.Continuation?
  }

  private struct State {
    var tails: [UInt64: Tail] = [:]
    var last: UInt64 = 0
  }

  /// Each reads every event: more would slow down everybody else.
  private static let maximum = 200

  private let state = Mutex(State())

  /// - Throws: ``Problem`` `too_many_tails`.
  func add(_ filter: TopicFilter, in namespace: Namespace) throws(Problem) -> UInt64 {
    let id: UInt64? = state.withLock { state in
      guard state.tails.count < Self.maximum else { return nil }
      state.last += 1
      state.tails[state.last] = Tail(filter: filter, namespace: namespace)
      return state.last
    }
    guard let id else {
      throw Problem(
        .overloaded, code: "too_many_tails", "\(Self.maximum) callers follow events already",
        next: "End one of them, or try again later.")
    }
    return id
  }

  func remove(_ id: UInt64) {
    state.withLock { $0.tails.removeValue(forKey: id) }?.signs?.finish()
  }

  /// New signs for a tail, in place of those that it had: waiting for them with a time limit ends them.
  func signs(for id: UInt64) -> AsyncStream<Void> {
    let (signs, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let isThere = state.withLock { state in
      state.tails[id]?.signs = continuation
      return state.tails[id] != nil
    }
    if !isThere { continuation.finish() }
    return signs
  }

  /// Whether anybody follows a topic.
  func want(_ topic: Topic, in namespace: Namespace) -> Bool {
    state.withLock { state in
      state.tails.values.contains { $0.namespace == namespace && $0.filter.matches(topic) }
    }
  }

  /// There is something new.
  func sign() {
    let all = state.withLock { $0.tails.values.compactMap(\.signs) }
    for continuation in all { continuation.yield() }
  }
}
