import Synchronization

/// A value that comes once, for one who waits.
public final class OneShot<Value: Sendable>: Sendable {
  private enum State {
    case empty
    case waiting(CheckedContinuation<Value, Never>)
    case full(Value)
  }

  private let state = Mutex(State.empty)

  public init() {}

  /// The first value counts.
  public func fill(_ value: Value) {
    let waiting = state.withLock { state -> CheckedContinuation<Value, Never>? in
      switch state {
      case .empty:
        state = .full(value)
        return nil
      case .waiting(let continuation):
        state = .full(value)
        return continuation
      case .full: return nil
      }
    }
    waiting?.resume(returning: value)
  }

  /// To be asked by one at a time.
  public var value: Value {
    get async {
      await withCheckedContinuation { continuation in
        let value = state.withLock { state -> Value? in
          if case .full(let value) = state { return value }
          state = .waiting(continuation)
          return nil
        }
        if let value { continuation.resume(returning: value) }
      }
    }
  }
}
