import DequeModule
import Synchronization

/// Work under way that a supervised service owns: while the service is down nothing begins, and when it
/// ends, so does the work.
public final class WorkPool: Sendable {
  private struct Job {
    let id: UInt64
    let body: @Sendable () async -> Void
  }

  private struct State: ~Copyable {
    var isOpen = false
    /// Work that came while the service was down. Whoever begins work bounds it.
    var waiting: Deque<Job> = []
    var running: [UInt64: Task<Void, Never>] = [:]
    var last: UInt64 = 0
    var emptied: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  public init() {}

  /// Begins something. Its task is cancelled when the service ends: it must then come to an end, and
  /// say so to whoever waits for it.
  public func begin(_ body: @escaping @Sendable () async -> Void) { submit(nextID(), body) }

  /// Runs something and returns what came of it. Cancelling the task cancels the work.
  public func perform<Value: Sendable>(
    _ body: @escaping @Sendable () async -> Value
  ) async -> Value {
    let id = nextID()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        submit(id) { continuation.resume(returning: await body()) }
        // A cancellation that came before it was submitted found nothing.
        if Task.isCancelled { cancel(id) }
      }
    } onCancel: {
      cancel(id)
    }
  }

  /// How much runs or waits.
  public var count: Int { state.withLock { $0.running.count + $0.waiting.count } }

  /// Cancels everything that runs or waits.
  public func cancelAll() {
    state.withLock { state in
      while let job = state.waiting.popFirst() { start(job, &state) }
      for task in state.running.values { task.cancel() }
    }
  }

  /// Returns when nothing runs or waits any more. What takes longer than `patience` is cancelled.
  public func drain(patience: Duration) async {
    let impatience = Task {
      // Cancelled when all is done sooner.
      try? await Task.sleep(for: patience)
      self.cancelAll()
    }
    await empty()
    impatience.cancel()
  }

  func open() {
    state.withLock { state in
      state.isOpen = true
      while let job = state.waiting.popFirst() { start(job, &state) }
    }
  }

  /// Cancels everything, and returns when it has ended.
  func close() async {
    state.withLock { $0.isOpen = false }
    while true {
      let running = state.withLock { Array($0.running.values) }
      guard !running.isEmpty else { return }
      for task in running { task.cancel() }
      for task in running { await task.value }
    }
  }

  private func nextID() -> UInt64 {
    state.withLock { state in
      state.last += 1
      return state.last
    }
  }

  private func submit(_ id: UInt64, _ body: @escaping @Sendable () async -> Void) {
    state.withLock { state in
      let job = Job(id: id, body: body)
      if state.isOpen { start(job, &state) } else { state.waiting.append(job) }
    }
  }

  /// Within the lock, so that its end comes after its beginning.
  private func start(_ job: Job, _ state: inout State) {
    state.running[job.id] = Task {
      await job.body()
      self.ended(job.id)
    }
  }

  private func cancel(_ id: UInt64) {
    state.withLock { state in
      if let index = state.waiting.firstIndex(where: { $0.id == id }) {
        start(state.waiting.remove(at: index), &state)
      }
      state.running[id]?.cancel()
    }
  }

  private func ended(_ id: UInt64) {
    let waiters = state.withLock { state in
      state.running[id] = nil
      guard state.running.isEmpty, state.waiting.isEmpty else {
        return [CheckedContinuation<Void, Never>]()
      }
      defer { state.emptied = [] }
      return state.emptied
    }
    for waiter in waiters { waiter.resume() }
  }

  private func empty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        guard !(state.running.isEmpty && state.waiting.isEmpty) else { return true }
        state.emptied.append(continuation)
        return false
      }
      if isEmpty { continuation.resume() }
    }
  }
}

/// The service that owns a ``WorkPool``.
public struct WorkPoolOwner: SupervisedService {
  private let pool: WorkPool

  public init(of pool: WorkPool) { self.pool = pool }

  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    pool.open()
    ready()
    await untilCancelled()
    await pool.close()
  }
}

/// Returns when the task is cancelled.
public func untilCancelled() async {
  // Nothing is ever sent.
  let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
  for await () in stream {}
  continuation.finish()
}
