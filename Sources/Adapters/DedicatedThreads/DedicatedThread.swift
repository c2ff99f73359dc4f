import CDedicatedThreads
import Glibc
import Synchronization

/// A thread of our own, beside Swift's cooperative ones. It ends when its body returns.
public final class DedicatedThread: Sendable {
  /// How it is scheduled.
  public let scheduling: HeartbeatScheduling
  private let thread: pthread_t
  private let isOver = Mutex(false)

  /// Enough where there is no recursion and no guest.
  public static let smallStack = 2 << 20

  /// Returns when it has begun.
  ///
  /// - Parameters:
  ///   - name: at most 15 bytes, for debuggers.
  ///   - stack: bytes.
  public init(
    name: String, urgency: ThreadUrgency, stack: Int = smallStack,
    body: @escaping @Sendable () -> Void
  ) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, stack)
    defer { pthread_attr_destroy(&attributes) }
    let work = Work(name: name, urgency: urgency, body: body)
    var started = pthread_t()
    let status = pthread_create(
      &started, &attributes, beginDedicatedThread, Unmanaged.passRetained(work).toOpaque())
    precondition(status == 0, "the thread \(name) could not be started: errno \(status)")
    thread = started
    scheduling = work.awaitBeginning()
  }

  deinit { if !isOver.withLock({ $0 }) { pthread_detach(thread) } }

  /// Waits for the thread to end. Blocks; returns at once when called on the thread itself, or again.
  public func join() {
    let isFirst = isOver.withLock { isOver in
      defer { isOver = isOver || !isCurrent }
      return !isOver
    }
    guard isFirst, !isCurrent else { return }
    pthread_join(thread, nil)
  }

  /// Whether this is called on the thread.
  public var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }
}

/// What a thread begins with.
private final class Work: Sendable {
  private let name: String
  private let urgency: ThreadUrgency
  private let body: @Sendable () -> Void
  private let scheduling = Mutex(HeartbeatScheduling?.none)
  private let parker = Parker()

  init(name: String, urgency: ThreadUrgency, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.urgency = urgency
    self.body = body
  }

  func run() {
    dt_name_thread(name)
    let found: HeartbeatScheduling =
      switch urgency {
      case .ordinary: .notWanted
      case .realTimeIfPermitted:
        HeartbeatScheduling(problem: dt_schedule_in_real_time(HeartbeatScheduling.priority))
      }
    scheduling.withLock { $0 = found }
    parker.wake()
    body()
  }

  func awaitBeginning() -> HeartbeatScheduling {
    while true {
      if let scheduling = scheduling.withLock({ $0 }) { return scheduling }
      parker.park(until: nil)
    }
  }
}

private func beginDedicatedThread(
  _ argument: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}
