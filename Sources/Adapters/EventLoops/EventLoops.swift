import NIOCore
public import NIOPosix
import Synchronization

/// Threads that read and write connections, and run the tasks that do little beside that: what comes in is handled
/// where it was read, and what goes out is written where it was made, so that nobody has to be woken between.
///
/// A task that runs here holds up every connection of its thread: what takes longer goes where Swift runs
/// tasks as a rule, with ``elsewhere(_:)``.
public final class EventLoops: TaskExecutor {
  /// Those of agents' streams, at either end.
  public static let wire = EventLoops()
  /// Those of HTTP servers.
  public static let api = EventLoops()

  public let group: MultiThreadedEventLoopGroup
  private let loops: [any EventLoop]
  private let turn = Atomic(0)

  /// How many processors share a thread: the others are for guests, decisions and disks.
  private static let processorsPerThread = 4

  /// Its threads go on for as long as the process: it is made once for each purpose.
  private init() {
    group = MultiThreadedEventLoopGroup(
      numberOfThreads: max(1, System.coreCount / Self.processorsPerThread))
    loops = Array(group.makeIterator())
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// The thread on which this is called, if it is one of these; else one after the other.
  private var loop: any EventLoop {
    guard loops.count > 1 else { return loops[0] }
    return loops.first(where: \.inEventLoop)
      ?? loops[(turn.wrappingAdd(1, ordering: .relaxed).newValue & .max) % loops.count]
  }
}

/// Runs something where Swift runs tasks as a rule, whatever the task prefers.
public func elsewhere<Value, Failure: Error>(
  isolation: isolated (any Actor)? = #isolation, _ body: () async throws(Failure) -> Value
) async throws(Failure) -> Value {
  try await withTaskExecutorPreference(globalConcurrentExecutor, isolation: isolation) {
    () async throws(Failure) -> Value in
    // A preference alone moves a task no sooner than it is suspended.
    await Task.yield()
    return try await body()
  }
}
