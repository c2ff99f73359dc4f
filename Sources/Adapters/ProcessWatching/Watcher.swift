import CProcessWatch
public import ClusterModel
import DedicatedThreads
import Glibc
import Synchronization

/// Keeps a watcher (`wasmatrix-watcher`) beside this process: one that ends although the process goes on is
/// started again, so often and no more.
public final class Watcher: Sendable {
  private struct State {
    var child: pid_t?
    var isEnding = false
  }

  private final class Shared: Sendable {
    let state = Mutex(State())
  }

  private let process: WatchedProcess
  private let shared = Shared()
  private let thread: DedicatedThread

  /// So often within ``window``: one that cannot live here is not started for ever.
  public static let mostStarts = 5
  public static let window = Duration.seconds(60)

  /// The path of the watcher beside the program that runs.
  public static var programBesideThis: String {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &path, path.count)
    let program = String(
      decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let folder = program.lastIndex(of: "/").map { program[..<$0] } ?? "."
    return "\(folder)/wasmatrix-watcher"
  }

  /// The watcher that is running; `nil` when none is.
  public var child: Int32? { shared.state.withLock { $0.child } }

  /// - Parameters:
  ///   - program: the path of `wasmatrix-watcher`.
  ///   - process: this one; it must have begun to hold its page.
  ///   - trouble: called on a thread of this, when a watcher could not be started or is not any more. Then
  ///     the death of this process is noticed when its connection closes.
  public init(
    _ program: String, of process: WatchedProcess, trouble: @escaping @Sendable (Problem) -> Void
  ) {
    self.process = process
    let (page, shared) = (process.page, shared)
    thread = DedicatedThread(name: "wm-watcher", urgency: .ordinary) {
      Self.keep(program, page, shared, trouble)
    }
  }

  /// The process goes on unwatched, or ends in order. Returns when the watcher has ended.
  public func end() {
    shared.state.withLock { $0.isEnding = true }
    process.end()
    thread.join()
  }

  /// The body of the thread: it waits for each watcher that it starts.
  private static func keep(
    _ program: String, _ page: WatchPage, _ shared: Shared, _ trouble: (Problem) -> Void
  ) {
    var starts: [ContinuousClock.Instant] = []
    while !shared.state.withLock({ $0.isEnding }) {
      let now = ContinuousClock.now
      starts.removeAll { now - $0 > window }
      guard starts.count < mostStarts else {
        trouble(
          problem("\(program) had to be started again too often", "it ended \(starts.count) times"))
        return
      }
      starts.append(now)
      var child: pid_t = 0
      let code = pw_start(program, page.descriptor, &child)
      guard code == 0 else {
        trouble(problem("\(program) cannot be started", strerror(code).map { String(cString: $0) }))
        return
      }
      shared.state.withLock { $0.child = child }
      var status: Int32 = 0
      while waitpid(child, &status, 0) < 0, errno == EINTR {}
      shared.state.withLock { $0.child = nil }
    }
  }

  private static func problem(_ message: String, _ cause: String?) -> Problem {
    Problem(
      .unavailable, code: "watcher_missing", message, cause: cause,
      next: "Keep the one of the same release beside `wasmatrix`; without it the death of an agent "
        + "is noticed when its connection closes.")
  }
}
