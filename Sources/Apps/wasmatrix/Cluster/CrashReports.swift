import ClusterModel
import Foundation
import Logging
import ProcessWatching

/// What is written when the program itself crashes.
///
/// Swift's runtime names functions and lines of every thread by default, for which it reads all debug
/// information: that takes many seconds, in which the process is neither alive nor gone and nobody
/// starts it again. So a process that runs for long writes addresses and build ids alone, of the
/// thread that crashed; they can be looked up later. `SWIFT_BACKTRACE` of the environment has the last
/// word.
enum CrashReports {
  private static let variable = "SWIFT_BACKTRACE"
  private static let short = "symbolicate=off,threads=crashed,registers=none"

  /// Starts the program anew in the same process, unless the environment decides: the runtime reads the
  /// variable before `main`, and only then. Comes back when nothing is to be done, or it cannot be done.
  static func keepShort() {
    guard ProcessInfo.processInfo.environment[variable] == nil,
      let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
      setenv(variable, short, 1) == 0
    else { return }
    execv(program, CommandLine.unsafeArgv)
  }

  /// After its report a process that crashes ends, also where somebody else sent the signal: the runtime by
  /// itself would then go on.
  static func endTheProcess() {
    do throws(Problem) {
      try Crash.endsTheProcess()
    } catch {
      Logger(label: "crash").warning("\(error)")
    }
  }
}
