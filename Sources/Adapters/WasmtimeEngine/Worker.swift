import ClusterModel
import DedicatedThreads
import DequeModule
import HeapModule
import HostPorts
import Synchronization

/// A thread that runs guests: it takes activations, lets each run for a slice, and goes on with
/// another when one is pre-empted or waits.
///
///     queue ──take──> start ──> slice ──┬──> finished
///                                ▲  ▲   ├──> pre-empted (goes to the end of the low queue)
///                                │  │   └──> waiting for a timer or an answer
///                                │  └──────────────┘
///                                └── low queue
///
/// New activations come before pre-empted ones, but for one pre-empted slice after every
/// ``freshBurst`` new ones, so that neither starves.
final class Worker: Sendable {
  private let queue: RunQueue
  private let engine: EngineHandle
  private let ticker: Ticker
  private let slots: Int
  private let parker = Parker()
  private let stopping = Atomic<Bool>(false)
  private let hasCancelled = Atomic<Bool>(false)
  /// Runs for which an answer has come.
  private let answeredRuns = Mutex<[ObjectIdentifier]>([])
  private let hasAnswers = Atomic<Bool>(false)
  private static let freshBurst = 8
  /// Rounds of its loop, written by itself alone.
  private let steps = Atomic<UInt64>(0)
  private let isAwake = Atomic<Bool>(false)
  /// Instances that have begun and not ended; written by itself alone, so that adding to it locks nothing.
  private let instances = Atomic<Int>(0)

  /// Whether the guest that runs has had a slice before, or another waits for the next; written by itself alone.
  private let takesTurns = Atomic<Bool>(false)
  var hasTurns: Bool { takesTurns.load(ordering: .relaxed) }

  /// Instances that have begun and not ended.
  var liveInstances: Int { instances.load(ordering: .relaxed) }

  /// How it gets on.
  var state: WorkerState {
    WorkerState(
      steps: steps.load(ordering: .relaxed), isAwake: isAwake.load(ordering: .relaxed))
  }

  init(queue: RunQueue, engine: EngineHandle, ticker: Ticker, slots: Int) {
    self.queue = queue
    self.engine = engine
    self.ticker = ticker
    self.slots = slots
  }

  func wake() { parker.wake() }

  /// A run of this worker was cancelled: look for it.
  func cancelled() {
    hasCancelled.store(true, ordering: .releasing)
    parker.wake()
  }

  /// An answer has come that a run of this worker waits for.
  func answered(_ run: PendingRun) {
    answeredRuns.withLock { $0.append(ObjectIdentifier(run)) }
    hasAnswers.store(true, ordering: .releasing)
    parker.wake()
  }

  func stop() {
    stopping.store(true, ordering: .releasing)
    parker.wake()
  }

  /// The body of the worker's thread.
  func run() {
    var live = LiveInstances()
    var fresh = 0
    ticker.workerBecameBusy()
    isAwake.store(true, ordering: .relaxed)
    while !stopping.load(ordering: .acquiring) {
      steps.store(steps.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
      if Self.take(hasCancelled) { endCancelled(&live) }
      if Self.take(hasAnswers) { wakeAnswered(&live) }
      let now = Clocks.monotonic()
      live.wakeDue(at: now)
      if fresh < Self.freshBurst || live.preempted.isEmpty, live.slots < slots,
        let pending = queue.take(for: self, slots: slots - live.slots)
      {
        fresh += 1
        start(pending, at: now, &live)
      } else if let instance = live.preempted.popFirst() {
        fresh = 0
        advance(instance, &live)
      } else {
        fresh = 0
        sleep(live)
      }
    }
    isAwake.store(false, ordering: .relaxed)
    ticker.workerBecameIdle()
    for instance in live.takeAll() {
      let failure = ActivationFailure(code: .cancelled, message: "the node is stopping")
      instance.abandon(failure)
      end(instance, holding: instance.heldBytes)
    }
  }

  /// Mostly there is nothing, and looking costs less than taking.
  private static func take(_ sign: borrowing Atomic<Bool>) -> Bool {
    sign.load(ordering: .relaxed) && sign.exchange(false, ordering: .acquiring)
  }

  private func sleep(_ live: LiveInstances) {
    if live.slots < slots {
      guard queue.parks(self, slots: slots - live.slots) else { return }
    }
    ticker.workerBecameIdle()
    var deadline = live.nextWake
    if !queue.hasMemory {
      // Memory comes back as instances of other workers end, which nobody tells us.
      deadline = min(deadline ?? .max, Clocks.monotonic() + 5_000_000)
    }
    isAwake.store(false, ordering: .relaxed)
    parker.park(until: deadline.map { MonotonicInstant(nanoseconds: $0) })
    isAwake.store(true, ordering: .relaxed)
    queue.unparks(self)
    ticker.workerBecameBusy()
  }

  private func start(_ pending: PendingRun, at now: Int64, _ live: inout LiveInstances) {
    guard let memory = pending.memory else {
      let limit = pending.activation.limits.memory
      pending.complete(
        .memoryLimit, "the memories and tables of the module do not fit into \(limit)")
      return
    }
    guard
      let instance = CommandInstance(
        pending, memory: memory, streams: live.streams, engine: engine, now: now)
    else {
      pending.complete(.overloaded, "the node has no memory for another instance")
      return
    }
    live.slots += pending.slots
    count(1)
    advance(instance, &live)
  }

  private func count(_ more: Int) {
    instances.store(instances.load(ordering: .relaxed) + more, ordering: .relaxed)
  }

  private func advance(_ instance: CommandInstance, _ live: inout LiveInstances) {
    let before = instance.heldBytes
    takesTurns.store(instance.wasPreempted || !live.preempted.isEmpty, ordering: .relaxed)
    let step = instance.step()
    if case .finished = step {
      // What it came to hold in this step was never counted.
      live.slots -= instance.slots
      return end(instance, holding: before)
    }
    let more = instance.heldBytes - before
    if !queue.holds(more), more > 0 {
      instance.abandon(
        ActivationFailure(
          code: .overloaded, message: "the node has no memory for what its modules want together"))
      live.slots -= instance.slots
      return end(instance, holding: instance.heldBytes)
    }
    switch step {
    case .preempted: live.preempted.append(instance)
    case .waiting(let time): live.waiting.insert(LiveInstances.Waiting(until: time, instance))
    case .asking(let time): live.ask(instance, until: time)
    case .finished: break
    }
  }

  /// Answers whoever waits for an instance that has ended.
  ///
  /// - Parameter bytes: those of it that count against the budget of the node.
  private func end(_ instance: CommandInstance, holding bytes: Int) {
    if bytes != 0 { queue.memoryInUse.subtract(bytes, ordering: .relaxed) }
    count(-1)
    instance.pending.complete(instance.takeReport(), leaving: instance.close())
  }

  private func wakeAnswered(_ live: inout LiveInstances) {
    let runs = answeredRuns.withLock { runs in
      defer { runs = [] }
      return runs
    }
    for run in runs { live.wakeAnswered(run) }
  }

  private func endCancelled(_ live: inout LiveInstances) {
    for instance in live.removeCancelled() {
      live.slots -= instance.slots
      instance.abandon(instance.pending.cancellation)
      end(instance, holding: instance.heldBytes)
    }
  }
}

/// The instances of one worker that are not running right now.
private struct LiveInstances {
  struct Waiting: Comparable {
    let until: Int64
    let instance: CommandInstance

    init(until: Int64, _ instance: CommandInstance) {
      self.until = until
      self.instance = instance
    }

    static func < (left: Self, right: Self) -> Bool { left.until < right.until }
    static func == (left: Self, right: Self) -> Bool { left.until == right.until }
  }

  /// Of the pool, that they take.
  var slots = 0
  /// What most of them find open.
  let streams = WASIState.onlyStreams()
  var preempted: Deque<CommandInstance> = []
  var waiting = Heap<Waiting>()
  /// Those that wait for an answer, by their run, and until when.
  private var asking: [ObjectIdentifier: Waiting] = [:]
  /// The same times in order, and those of some that wait no more.
  private var patience = Heap<Patience>()

  private struct Patience: Comparable {
    let until: Int64
    let run: ObjectIdentifier
    static func < (left: Self, right: Self) -> Bool { left.until < right.until }
  }

  var nextWake: Int64? {
    [asking.isEmpty ? nil : patience.min?.until, waiting.min?.until].compactMap { $0 }.min()
  }

  mutating func ask(_ instance: CommandInstance, until time: Int64) {
    let run = ObjectIdentifier(instance.pending)
    asking[run] = Waiting(until: time, instance)
    patience.insert(Patience(until: time, run: run))
    // Answers come long before patience ends: what they left behind is cleared away now and then.
    if patience.count > 2 * asking.count + 1024 {
      patience = Heap(asking.map { Patience(until: $0.value.until, run: $0.key) })
    }
  }

  mutating func wakeAnswered(_ run: ObjectIdentifier) {
    if let waiting = asking.removeValue(forKey: run) { preempted.append(waiting.instance) }
  }

  /// Moves the instances whose time has come to the end of the line.
  mutating func wakeDue(at now: Int64) {
    while let first = waiting.min, first.until <= now {
      waiting.removeMin()
      preempted.append(first.instance)
    }
    while let first = patience.min, first.until <= now {
      patience.removeMin()
      wakeAnswered(first.run)
    }
  }

  /// Each is asked once: one that is cancelled meanwhile is found the next time, or it would be in neither
  /// half.
  mutating func removeCancelled() -> [CommandInstance] {
    var removed: [CommandInstance] = []
    func stays(_ instance: CommandInstance) -> Bool {
      guard instance.pending.isCancelled else { return true }
      removed.append(instance)
      return false
    }
    preempted = Deque(preempted.filter { stays($0) })
    waiting = Heap(waiting.unordered.filter { stays($0.instance) })
    asking = asking.filter { stays($0.value.instance) }
    return removed
  }

  mutating func takeAll() -> [CommandInstance] {
    let all = Array(preempted) + waiting.unordered.map(\.instance) + asking.values.map(\.instance)
    asking = [:]
    patience = Heap()
    preempted = []
    waiting = Heap()
    slots = 0
    return all
  }
}
