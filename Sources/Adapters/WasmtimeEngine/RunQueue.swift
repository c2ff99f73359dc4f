import ClusterModel
import DequeModule
import HostPorts
import Synchronization

/// Activations that wait for a worker, and the workers that wait for one. First come, first served;
/// bounded in number and bytes. An instance is made when it is picked, not when it is queued.
final class RunQueue: Sendable {
  private let configuration: EngineConfiguration
  private let state = Mutex(State())
  /// What all live instances hold, as last seen.
  let memoryInUse = Atomic<Int>(0)

  private struct State: ~Copyable {
    var queue: Deque<PendingRun> = []
    var bytes = 0
    /// Workers that sleep and would take something.
    var idle: [Worker] = []
    var stopping = false
  }

  init(configuration: EngineConfiguration) { self.configuration = configuration }

  /// Slots of the pool that each worker may use.
  var slotsPerWorker: Int { configuration.slotsPerWorker }

  var queued: Int { state.withLock { $0.queue.count } }

  /// Queues a run, or completes it as `overloaded`.
  func submit(_ run: PendingRun) {
    enum Answer { case full, stopping, queued(Worker?) }
    let answer: Answer = state.withLock { state in
      guard !state.stopping else { return .stopping }
      let bytes = run.activation.input.count
      guard state.queue.count < configuration.queueLength,
        state.bytes + bytes <= configuration.queueBytes.bytes || state.queue.isEmpty
      else { return .full }
      state.queue.append(run)
      state.bytes += bytes
      return .queued(state.idle.popLast())
    }
    switch answer {
    case .queued(let worker): worker?.wake()
    case .full: run.complete(.overloaded, "the queue of this node is full")
    case .stopping: run.complete(.cancelled, "the node is stopping")
    }
    // A cancellation that came before the run was queued found nothing to remove.
    if run.isCancelled { cancel(run) }
  }

  /// Whether a new instance may be started now, as far as the memory of the node goes.
  var hasMemory: Bool {
    memoryInUse.load(ordering: .relaxed) < configuration.memoryBudget.bytes
  }

  /// Counts what instances hold more than before; false when that is beyond the budget of the node.
  func holds(_ more: Int) -> Bool {
    memoryInUse.add(more, ordering: .relaxed).newValue <= configuration.memoryBudget.bytes
  }

  /// The next run for `worker`, which has `slots` free; `nil` when there is none, or no room for it.
  func take(for worker: Worker, slots: Int) -> PendingRun? {
    state.withLock { state in
      guard hasMemory, let run = state.queue.popFirst() else { return nil }
      guard run.slots <= slots else {
        state.queue.prepend(run)
        return nil
      }
      state.bytes -= run.activation.input.count
      run.taken(by: worker)
      return run
    }
  }

  /// Says that `worker`, which has `slots` free, is about to sleep; false when there is something to take
  /// after all.
  func parks(_ worker: Worker, slots: Int) -> Bool {
    state.withLock { state in
      let fits = state.queue.first.map { $0.slots <= slots } ?? false
      guard !fits || !hasMemory, !state.stopping else { return false }
      if !state.idle.contains(where: { $0 === worker }) { state.idle.append(worker) }
      return true
    }
  }

  func unparks(_ worker: Worker) {
    state.withLock { $0.idle.removeAll { $0 === worker } }
  }

  func cancel(_ run: PendingRun) {
    switch run.cancel() {
    case .waiting:
      let removed = state.withLock { state -> Bool in
        guard let index = state.queue.firstIndex(where: { $0 === run }) else { return false }
        state.queue.remove(at: index)
        state.bytes -= run.activation.input.count
        return true
      }
      if removed {
        run.complete(.cancelled, "cancelled before it began")
      } else if case .running(let worker) = run.stage {
        // It was taken meanwhile.
        worker.cancelled()
      }
    case .running(let worker): worker.cancelled()
    case .done: break
    }
  }

  /// Refuses what comes, and completes what waits.
  func stop() {
    let (waiting, idle) = state.withLock { state -> ([PendingRun], [Worker]) in
      state.stopping = true
      let waiting = Array(state.queue)
      let idle = state.idle
      state.queue = []
      state.bytes = 0
      state.idle = []
      return (waiting, idle)
    }
    for run in waiting { run.complete(.cancelled, "the node is stopping") }
    for worker in idle { worker.wake() }
  }
}
