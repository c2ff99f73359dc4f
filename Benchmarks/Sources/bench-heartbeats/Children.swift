import ArgumentParser
import ClusterModel
import DedicatedThreads
import Foundation
import Glibc
import HeartbeatCoding
import HeartbeatLink
import ProcessWatching

/// A process that beats as an agent does, on a thread of its own.
struct AgentChild: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "agent", shouldDisplay: false)

  @Argument var session: String
  @Argument var port: UInt16
  @Argument var intervalMilliseconds: Int
  @Argument var isRealTime: Bool
  @Argument var residentMegabytes: Int
  @Argument var watcher: String

  static let node = NodeID(unchecked: "node-1")
  static let incarnation = Incarnation(1)

  /// A session as text.
  static func text(_ session: HeartbeatSession) -> String {
    Data(session.id.bytes + session.key.bytes).base64EncodedString()
  }

  func run() throws {
    let bytes = Array(Data(base64Encoded: session) ?? Data())
    let session = HeartbeatSession(
      id: try HeartbeatSessionID(bytes.prefix(16)), key: try HeartbeatKey(bytes.dropFirst(16)),
      node: Self.node, incarnation: Self.incarnation)
    let urgency: ThreadUrgency = isRealTime ? .realTimeIfPermitted : .ordinary
    let sender = try HeartbeatSender(
      session, to: try DatagramAddress(host: "127.0.0.1", port: port), urgency: urgency,
      acknowledged: { _ in })
    var keeper: Watcher?
    if !watcher.isEmpty {
      let process = WatchedProcess(try WatchPage())
      process.announce([try DeathNotice(sender.deathNotice, to: sender.address.systemBytes)])
      keeper = Watcher(watcher, of: process) { problem in print(problem) }
      while keeper?.child == nil { usleep(1000) }
    }
    if residentMegabytes > 0 {
      // All of it is there at once, and stays.
      _ = mmap(
        nil, residentMegabytes << 20, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
    }
    let beating = Beating(sender, every: .milliseconds(intervalMilliseconds), urgency)
    beating.begin()
    print("ready")
    fflush(nil)
    withExtendedLifetime((keeper, beating)) { while true { pause() } }
  }
}

/// Beats by the alarm of a thread, each time as long after the last one was due.
final class Beating: Sendable {
  private let sender: HeartbeatSender
  private let interval: Duration
  private let thread: ThreadExecutor

  init(_ sender: HeartbeatSender, every interval: Duration, _ urgency: ThreadUrgency) {
    self.sender = sender
    self.interval = interval
    thread = ThreadExecutor(name: "wm-agent", urgency: urgency)
  }

  func begin() { beat(1) }

  private func beat(_ sequence: UInt64) {
    sender.send(
      Heartbeat(
        node: sender.session.node, incarnation: sender.session.incarnation, sequence: sequence,
        progress: sequence, isBusy: true, load: .idle))
    // As the agent's logic does it: a heartbeat that was late does not bring the next one forward.
    thread.setAlarm(after: interval) { self.beat(sequence + 1) }
  }
}

/// A process that uses a processor and does nothing else.
struct BurnChild: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "burn", shouldDisplay: false)
  func run() {
    var number: UInt64 = 1
    while true {
      number = number &* 6_364_136_223_846_793_005 &+ 1
      if number == 0 { print(number) }
    }
  }
}

/// A process of this program.
final class Child {
  let pid: pid_t
  private let output: Int32

  init(_ arguments: [String]) throws {
    var ends: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0
    else { throw ExitCode.failure }
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    posix_spawn_file_actions_adddup2(&files, ends[1], 1)
    let words = (["/proc/self/exe"] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    let status = posix_spawn(&child, "/proc/self/exe", &files, nil, words, environ)
    posix_spawn_file_actions_destroy(&files)
    close(ends[1])
    guard status == 0 else { throw ExitCode.failure }
    (pid, output) = (child, ends[0])
  }

  /// Waits until it has said something.
  func awaitReady() throws {
    var byte: UInt8 = 0
    guard read(output, &byte, 1) == 1 else { throw ExitCode.failure }
    while byte != UInt8(ascii: "\n"), read(output, &byte, 1) == 1 {}
  }

  /// Waits until its end of the connection has closed.
  func awaitHangUp() {
    var byte: UInt8 = 0
    while read(output, &byte, 1) == 1 {}
  }

  func signal(_ number: Int32) { kill(pid, number) }

  func end() {
    kill(pid, SIGKILL)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    close(output)
  }
}
