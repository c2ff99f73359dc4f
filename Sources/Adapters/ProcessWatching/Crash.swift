import CProcessWatch
public import ClusterModel
import Glibc

/// What happens at a signal that means a crash of this process: SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT,
/// SIGSEGV, SIGTRAP.
public enum Crash {
  /// From now on such a signal ends the process, also one that somebody else sent, after what handles it so
  /// far: Swift's runtime, which writes a report, and would go on after a signal that no instruction raised.
  ///
  /// To be called before an engine is made that turns signals into traps: what is of a guest must not come
  /// here.
  public static func endsTheProcess() throws(Problem) {
    try check(pw_end_at_crash())
  }

  static func tells(_ page: WatchPage) throws(Problem) {
    try check(pw_tell_at_crash(page.descriptor))
  }

  private static func check(_ code: Int32) throws(Problem) {
    guard code != 0 else { return }
    throw Problem(
      .unavailable, code: "crash_handlers", "the process cannot be told of its own crashes",
      cause: strerror(code).map { String(cString: $0) })
  }
}
