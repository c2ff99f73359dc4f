import ClusterModel
import Foundation
import Glibc
import HeartbeatLink
import ProcessWatching

// A process to be watched, for tests. It holds a page, is told what to do, and does it:
//
//     watched-puppet own WATCHER PORT MEGABYTES     a page of its own, and a watcher that tells PORT
//     watched-puppet path PATH - 0                  the page at PATH, for who watches it
//
// It says `ready PID-OF-WATCHER`, then ends as the first line of its input says; it dies by the default of
// a signal.

private func fail(_ text: String) -> Never {
  say(text)
  exit(70)
}

private func say(_ text: String) {
  // Not by `print`, which keeps it until there is more.
  _ = Array("\(text)\n".utf8).withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}

@main
enum Puppet {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count == 5, let megabytes = Int(arguments[4]) else { fail("wrong usage") }
    do {
      if arguments[1] == "path" {
        let process = WatchedProcess(try WatchPage(openingAt: arguments[2]))
        say("ready 0")
        obey(process, nil)
        return
      }
      guard let port = UInt16(arguments[3]) else { fail("wrong usage") }
      let process = WatchedProcess(try WatchPage())
      let address = try DatagramAddress(host: "127.0.0.1", port: port)
      process.announce([
        try DeathNotice(Array("puppet \(getpid()) died".utf8), to: address.systemBytes)
      ])
      let watcher = Watcher(arguments[2], of: process) { problem in say("trouble \(problem.code)") }
      // A descriptor that closes with this process, which the tests watch beside the notice.
      let memory = occupy(megabytes << 20)
      while watcher.child == nil { usleep(1000) }
      say("ready \(watcher.child ?? 0)")
      obey(process, watcher)
      free(memory)
    } catch {
      fail("\(error)")
    }
  }

  /// Memory that is resident: each page of it is written.
  private static func occupy(_ count: Int) -> UnsafeMutableRawPointer? {
    guard count > 0, let memory = malloc(count) else { return nil }
    memset(memory, 1, count)
    return memory
  }

  private static func obey(_ process: WatchedProcess, _ watcher: Watcher?) {
    while let order = readLine() {
      switch order {
      case "exit": exit(3)
      case "crash":
        // Without the backtrace that Swift may print first.
        signal(SIGSEGV, SIG_DFL)
        raise(SIGSEGV)
      case "report":
        // As a report that takes long: the process is still there.
        signal(SIGABRT) { _ in while true { pause() } }
        do {
          try Crash.endsTheProcess()
          try process.tellAtACrash()
        } catch {
          fail("\(error)")
        }
        raise(SIGABRT)
      case "abort":
        signal(SIGABRT) { _ in }
        do {
          try Crash.endsTheProcess()
        } catch {
          fail("\(error)")
        }
        say("ready")
      case "orderly":
        if let watcher { watcher.end() } else { process.end() }
        return
      case "urgent":
        // All its threads, so that the last one is in real time, too.
        var parameters = sched_param(sched_priority: 1)
        let threads =
          (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        let refused = threads.compactMap { pid_t($0) }.filter {
          sched_setscheduler($0, SCHED_FIFO, &parameters) != 0
        }
        say("ready \(refused.count)")
      case "child": say("child \(watcher?.child ?? 0)")
      default: fail("an unknown order")
      }
    }
  }
}
