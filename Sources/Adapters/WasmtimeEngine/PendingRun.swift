import ClusterModel
import HostPorts
import Synchronization

/// An activation from the moment it was asked for: who waits for it, and how far it is. The only
/// part of an activation that several threads share.
final class PendingRun: Sendable {
  enum Stage {
    case waiting
    case running(Worker)
    case done
  }

  let command: PreparedCommand
  let activation: Activation
  /// Monotonic nanoseconds.
  let submittedAt: Int64
  private let cancelled = Atomic<Bool>(false)
  private let state = Mutex(State())

  private struct State {
    var stage = Stage.waiting
    var continuation: CheckedContinuation<ActivationReport, Never>?
  }

  init(command: PreparedCommand, activation: Activation) {
    self.command = command
    self.activation = activation
    submittedAt = Clocks.monotonic()
  }

  var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

  func begin(_ continuation: CheckedContinuation<ActivationReport, Never>) {
    state.withLock { $0.continuation = continuation }
  }

  /// The worker that took it; cancelling must reach it there.
  func taken(by worker: Worker) {
    state.withLock { $0.stage = .running(worker) }
  }

  /// Marks it cancelled and says how far it was.
  func cancel() -> Stage {
    cancelled.store(true, ordering: .releasing)
    return state.withLock { $0.stage }
  }

  /// Answers whoever waits, once; later answers are dropped.
  func complete(_ report: ActivationReport) {
    let continuation = state.withLock { state in
      state.stage = .done
      return state.continuation.take()
    }
    continuation?.resume(returning: report)
  }

  func complete(_ code: ActivationFailure.Code, _ message: String) {
    complete(
      ActivationReport(result: .failure(ActivationFailure(code: code, message: message))))
  }
}
