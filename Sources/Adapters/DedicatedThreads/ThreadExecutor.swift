import ClusterModel
import DequeModule
public import HostPorts
import Synchronization

/// A thread that runs one actor, with an alarm clock.
///
/// The thread holds the executor until it ends, so that this outlives every job that runs on it.
public final class ThreadExecutor: ActorThread {
  private struct State {
    /// No more than there are tasks that wait for the actor, and calls of ``perform(_:)``, which whoever
    /// makes them bounds.
    var jobs: Deque<Work> = []
    var alarm: (at: MonotonicInstant, ring: @Sendable () -> Void)?
    var isParked = false
    var isFinished = false
  }

  private enum Work {
    case job(UnownedJob)
    case call(@Sendable () -> Void)
  }

  private enum Next {
    case work(Work)
    case park(until: MonotonicInstant?)
    case end
  }

  private let state = Mutex(State())
  private let parker = Parker()
  private let thread = Mutex(DedicatedThread?.none)
  /// How its thread is scheduled.
  public var scheduling: HeartbeatScheduling {
    thread.withLock { $0?.scheduling } ?? .ordinary(reason: "not begun")
  }

  /// - Parameters:
  ///   - name: at most 15 bytes, for debuggers.
  public init(name: String, urgency: ThreadUrgency) {
    let started = DedicatedThread(name: name, urgency: urgency) { self.run() }
    thread.withLock { $0 = started }
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    change { $0.jobs.append(.job(job)) }
  }

  public func perform(_ work: @escaping @Sendable () -> Void) {
    change { $0.jobs.append(.call(work)) }
  }

  public func setAlarm(after wait: Duration, _ ring: @escaping @Sendable () -> Void) {
    let at = MonotonicInstant.system + wait
    change { $0.alarm = (at, ring) }
  }

  public func cancelAlarm() { state.withLock { $0.alarm = nil } }

  public func finish() { change { $0.isFinished = true } }

  public func checkIsolated() {
    precondition(isCurrent, "this runs on another thread than its actor")
  }

  public func isIsolatingCurrentContext() -> Bool? { isCurrent }

  private var isCurrent: Bool { thread.withLock { $0?.isCurrent } ?? false }

  private func change(_ body: (inout State) -> Void) {
    let wasParked = state.withLock { state in
      body(&state)
      defer { state.isParked = false }
      return state.isParked
    }
    if wasParked { parker.wake() }
  }

  /// The body of the thread.
  private func run() {
    while true {
      switch next() {
      case .work(.job(let job)): job.runSynchronously(on: asUnownedSerialExecutor())
      case .work(.call(let call)): call()
      case .park(let deadline): parker.park(until: deadline)
      case .end: return
      }
    }
  }

  /// An alarm that is due comes first: what is on time is why there is a thread.
  private func next() -> Next {
    let now = MonotonicInstant.system
    return state.withLock { state in
      if let alarm = state.alarm, alarm.at <= now {
        state.alarm = nil
        return .work(.call(alarm.ring))
      }
      if let job = state.jobs.popFirst() { return .work(job) }
      if state.isFinished { return .end }
      state.isParked = true
      return .park(until: state.alarm?.at)
    }
  }
}
