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
  /// What its instance will be made of and how it is held to its memory, looked up while ``command`` is at hand: all
  /// workers count its references, and wait for each other when they do. The command keeps both.
  let code: PreparedCode
  /// `nil` when it would begin with more than it may have.
  let memory: MemoryPlan?
  /// Of the pool, that it takes.
  let slots: Int
  /// The way to the platform; `nil` when the guest may ask for nothing.
  let channel: HostChannel?
  /// Whether the guest finds nothing to read that could make it wait: no platform, no pipe, no folder.
  let readsFromMemoryAlone: Bool
  /// Monotonic nanoseconds.
  let submittedAt: Int64
  private let cancelled = Atomic<Bool>(false)
  /// The worker that took it, which lives as long as its engine.
  private let worker = Atomic<Unmanaged<Worker>?>(nil)
  private let state: Mutex<State>

  private struct State {
    var isDone = false
    // A task that waits is behind one, too: what the compiler must look up of a continuation at run time is then done
    // where there is one.
    var completion: Completion?
    var leftFolder: String?
    // Apart from the rest: rare and large.
    var endedBy: WASIState.Ending?
  }

  // What is generic would wrap a bare closure each time that it is handed on.
  private struct Completion {
    let call: @Sendable (ActivationReport) -> Void
  }

  /// - Parameter completion: called on the thread on which it ends, and must not block; `nil` when a task
  ///   waits.
  init(
    command: PreparedCommand, activation: consuming Activation,
    completion: (@Sendable (ActivationReport) -> Void)? = nil
  ) {
    state = Mutex(State(completion: completion.map { Completion(call: $0) }))
    self.command = command
    let channel = activation.services.map { HostChannel($0, limits: activation.limits) }
    self.channel = channel
    readsFromMemoryAlone =
      channel == nil && activation.follower == nil && activation.folders.isEmpty
      && activation.streams == .gathered
    slots = command.slots
    memory = command.memoryPlan(within: activation.limits.memory)
    code = command.code(readingFromMemoryAlone: readsFromMemoryAlone)
    submittedAt = Clocks.monotonic()
    self.activation = activation
  }

  var isCancelled: Bool { cancelled.load(ordering: .sequentiallyConsistent) }

  func begin(_ continuation: CheckedContinuation<ActivationReport, Never>) {
    let completion = Completion { continuation.resume(returning: $0) }
    state.withLock { $0.completion = completion }
  }

  /// The worker that took it; cancelling must reach it there.
  func taken(by worker: Worker) {
    self.worker.store(.passUnretained(worker), ordering: .sequentiallyConsistent)
  }

  /// An answer has come that the guest waits for.
  func answered() {
    if case .running(let worker) = stage { worker.answered(self) }
  }

  /// How far it is.
  var stage: Stage {
    if state.withLock({ $0.isDone }) { return .done }
    let worker = worker.load(ordering: .sequentiallyConsistent)
    return worker.map { .running($0.takeUnretainedValue()) } ?? .waiting
  }

  /// Marks it cancelled and says how far it was.
  func cancel() -> Stage {
    cancelled.store(true, ordering: .sequentiallyConsistent)
    return stage
  }

  /// Ends it for what it did, from whatever thread.
  func end(_ failure: ActivationFailure) {
    state.withLock { $0.endedBy = .limit(failure) }
    if case .running(let worker) = cancel() { worker.cancelled() }
  }

  /// Why it was ended from outside of its instance; `nil` when it was not, or only cancelled.
  var endedBy: ActivationFailure? {
    guard case .limit(let failure) = state.withLock({ $0.endedBy }) else { return nil }
    return failure
  }

  /// How it ends when it is cancelled.
  var cancellation: ActivationFailure {
    endedBy
      ?? ActivationFailure(code: .cancelled, message: "cancelled by whoever asked for it")
  }

  /// The scratch folder that is left when it is done.
  var leftFolder: String? { state.withLock { $0.leftFolder } }

  /// Answers whoever waits, once; later answers are dropped.
  ///
  /// - Parameter folder: the scratch folder that is to be removed.
  func complete(_ report: ActivationReport, leaving folder: String? = nil) {
    let completion = state.withLock { state in
      state.isDone = true
      if let folder { state.leftFolder = folder }
      return state.completion.take()
    }
    completion?.call(report)
  }

  func complete(_ code: ActivationFailure.Code, _ message: String) {
    complete(
      ActivationReport(result: .failure(ActivationFailure(code: code, message: message))))
  }
}
