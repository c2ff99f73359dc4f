import ClusterModel
import Foundation
import Glibc
import Logging

/// Breaks this process on purpose.
enum SelfDisturbance {
  static func carryOut(_ disturbance: NodeDisturbance) {
    switch disturbance {
    case .kill: kill(getpid(), SIGKILL)
    case .freeze(let duration): freeze(for: duration)
    case .partition: break  // Not a matter of the process.
    }
  }

  /// Whatever stands still cannot go on by itself: a shell wakes it.
  private static func freeze(for duration: Duration) {
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    let seconds = Double(duration.nanoseconds) / 1e9
    shell.arguments = ["-c", "sleep \(seconds); kill -CONT \(getpid())"]
    do {
      try shell.run()
    } catch {
      Logger(label: "chaos").warning(
        "this agent cannot be frozen: nobody would wake it", metadata: ["problem": "\(error)"])
      return
    }
    kill(getpid(), SIGSTOP)
  }
}
