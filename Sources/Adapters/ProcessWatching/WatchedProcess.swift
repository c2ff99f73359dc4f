import CProcessWatch
public import ClusterModel
public import DedicatedThreads
import Glibc
import Synchronization

/// This process, as long as it lives: a thread holds the mutex of a page until this is ended. When the
/// process dies, the kernel lets go of it at once, before it frees the memory of the process.
public final class WatchedProcess: Sendable {
  public let page: WatchPage
  private let announcing = Mutex(())
  private let parker = Parker()
  private let thread: DedicatedThread

  /// From now on, until ``end()``, the end of this process is heard by whoever waits on the page.
  ///
  /// - Parameter urgency: the thread does nothing but die, which it does the sooner when nothing is ahead of
  ///   it.
  public init(_ page: WatchPage, urgency: ThreadUrgency = .realTimeIfPermitted) {
    self.page = page
    let parker = parker
    let held = Parker()
    thread = DedicatedThread(name: "wm-alive", urgency: urgency) {
      let problem = pw_hold(page.page)
      held.wake()
      parker.park(until: nil)
      if problem == 0 { pw_release(page.page) }
    }
    held.park(until: nil)
  }

  deinit { parker.wake() }

  /// What a watcher sends when this process dies; replaces what was said before. At most
  /// ``DeathNotice/most`` count.
  public func announce(_ notices: [DeathNotice]) {
    let raw = notices.prefix(DeathNotice.most).map(\.raw)
    announcing.withLock { _ in pw_announce(page.page, raw, raw.count) }
  }

  /// Where ``Crash/endsTheProcess()`` was called, what was announced is sent at the very beginning of a crash,
  /// not only when the report of it has been written and the process is gone.
  public func tellAtACrash() throws(Problem) { try Crash.tells(page) }

  /// The process goes on, or ends in order: nobody is told anything. Returns when watchers know.
  public func end() {
    parker.wake()
    thread.join()
  }
}

/// Waits for the end of a process on this machine that holds a page, on a thread of its own.
public final class ProcessWatch: Sendable {
  /// How a process has ended.
  public enum End: String, Hashable, Sendable {
    /// It said so before.
    case orderly
    /// It was killed, or ended itself without a word.
    case died
    /// The page is none any more.
    case unknown
  }

  private let page: WatchPage

  /// Begins before or after the process holds the page.
  ///
  /// - Parameter ended: called once, on that thread, unless this is cancelled before.
  public init(
    _ page: WatchPage, urgency: ThreadUrgency = .realTimeIfPermitted,
    ended: @escaping @Sendable (End) -> Void
  ) {
    self.page = page
    _ = DedicatedThread(name: "wm-watch", urgency: urgency) {
      switch pw_wait(page.page) {
      case PW_ENDED: ended(.orderly)
      case PW_DIED: ended(.died)
      case PW_CANCELLED: return
      default: ended(.unknown)
      }
    }
  }

  /// Nobody waits any more: whoever waits on the page, in whatever process, ends within a second.
  public func cancel() { pw_cancel(page.page) }
}
