import ClusterModel
import DedicatedThreads
import Foundation
import Glibc
import HeartbeatCoding
import HeartbeatLink
import ProcessTesting
import ProcessWatching
import Synchronization
import Testing

/// Waits for something that must come to be.
private func eventually(_ what: String, _ holds: () -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(60)
  while !holds() {
    try #require(ContinuousClock.now < deadline, "it has not come to be: \(what)")
    try await Task.sleep(for: .milliseconds(1))
  }
}

private func exists(_ process: pid_t) -> Bool { kill(process, 0) == 0 || errno != ESRCH }

/// Whether a process is there and is not only waited for. One whose parent has died is collected by
/// whoever inherits it.
private func isAlive(_ process: pid_t) -> Bool {
  guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
    let state = status.split(separator: ")").last?.split(separator: " ").first
  else { return false }
  return state != "Z" && state != "X"
}

/// A real process that holds a page, and what it says.
private final class Puppet: Sendable {
  let pid: pid_t
  let watcher: pid_t
  /// To its input and from its output.
  private let way: Int32

  static let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  static var watcherProgram: String { folder.appendingPathComponent("wasmatrix-watcher").path }

  init(_ arguments: [String]) throws {
    var ends: [Int32] = [0, 0]
    try #require(
      socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    posix_spawn_file_actions_adddup2(&files, ends[1], 0)
    posix_spawn_file_actions_adddup2(&files, ends[1], 1)
    let program = Self.folder.appendingPathComponent("watched-puppet").path
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    // The threads on which tests run hold back signals, and children inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var child: pid_t = 0
    let status = posix_spawn(&child, program, &files, &attributes, &words, environ)
    posix_spawn_file_actions_destroy(&files)
    posix_spawnattr_destroy(&attributes)
    close(ends[1])
    try #require(status == 0)
    pid = child
    way = ends[0]
    let said = Self.line(way).split(separator: " ")
    try #require(said.first == "ready")
    watcher = pid_t(said.last ?? "") ?? 0
  }

  private static func line(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") { bytes.append(byte) }
    return String(decoding: bytes, as: UTF8.self)
  }

  func order(_ text: String) {
    _ = Array("\(text)\n".utf8).withUnsafeBytes { write(way, $0.baseAddress, $0.count) }
  }

  func answer(to text: String) -> String {
    order(text)
    return Self.line(way)
  }

  /// Whether its end of the way is closed: the last thing that happens to a process.
  var hasHungUp: Bool {
    var waited = pollfd(fd: way, events: Int16(POLLIN), revents: 0)
    return poll(&waited, 1, 0) > 0 && waited.revents & Int16(POLLHUP) != 0
  }

  @discardableResult
  func collect() -> Int32 {
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    return status
  }

  deinit { close(way) }
}

/// Where notices arrive.
private final class Listener: Sendable {
  private let socket: Int32
  let port: UInt16

  init() throws {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
    self.socket = socket
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    try #require(bound)
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit { close(socket) }

  /// The next notice; `nil` when none comes in time.
  func next(_ patience: Int32 = 60_000) -> String? {
    var waited = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    guard poll(&waited, 1, patience) > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 300)
    let count = recv(socket, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}

@Suite(.serialized) struct WatcherTests {
  private func puppet(_ listener: Listener, megabytes: Int = 0) throws -> Puppet {
    try Puppet(["own", Puppet.watcherProgram, "\(listener.port)", "\(megabytes)"])
  }

  @Test(arguments: ["kill", "exit", "crash"])
  func `a death is told, and the watcher ends`(way: String) async throws {
    let listener = try Listener()
    let puppet = try puppet(listener)
    #expect(isAlive(puppet.watcher))
    if way == "kill" { kill(puppet.pid, SIGKILL) } else { puppet.order(way) }
    #expect(listener.next() == "puppet \(puppet.pid) died")
    // Each may be lost.
    #expect(listener.next() == "puppet \(puppet.pid) died")
    puppet.collect()
    try await eventually("the watcher has ended") { !isAlive(puppet.watcher) }
  }

  @Test func `a crash is told before its report is written`() async throws {
    let listener = try Listener()
    let puppet = try puppet(listener)
    puppet.order("report")
    #expect(listener.next() == "puppet \(puppet.pid) died")
    #expect(isAlive(puppet.pid))
    kill(puppet.pid, SIGKILL)
    puppet.collect()
  }

  @Test func `a signal of a crash ends the process, whoever sent it`() async throws {
    let listener = try Listener()
    let puppet = try puppet(listener)
    #expect(puppet.answer(to: "abort") == "ready")
    kill(puppet.pid, SIGABRT)
    #expect(puppet.collect() & 0x7f == SIGABRT)
    #expect(listener.next() == "puppet \(puppet.pid) died")
  }

  @Test func `a signal for its whole group does not reach the watcher`() async throws {
    let listener = try Listener()
    let puppet = try puppet(listener)
    #expect(getsid(puppet.watcher) == puppet.watcher)
    kill(puppet.pid, SIGKILL)
    puppet.collect()
    #expect(listener.next() == "puppet \(puppet.pid) died")
  }

  @Test func `an orderly end is told to nobody`() async throws {
    let listener = try Listener()
    let puppet = try puppet(listener)
    puppet.order("orderly")
    puppet.collect()
    // It has returned when the watcher had ended, so nothing can come any more.
    #expect(!exists(puppet.watcher))
    #expect(listener.next(0) == nil)
  }

  @Test func `a watcher that dies is followed by another, so often and no more`() async throws {
    let listener = try Listener()
    let puppet = try puppet(listener)
    var watcher = puppet.watcher
    for _ in 1..<Watcher.mostStarts {
      kill(watcher, SIGKILL)
      var next = watcher
      try await eventually("another watcher") {
        next = pid_t(puppet.answer(to: "child").split(separator: " ").last ?? "") ?? 0
        return next != watcher && next != 0
      }
      watcher = next
    }
    #expect(listener.next(0) == nil)
    kill(watcher, SIGKILL)
    try await eventually("the word that there is none any more") {
      puppet.answer(to: "child") == "trouble watcher_missing"
    }
    kill(puppet.pid, SIGKILL)
    puppet.collect()
  }

  @Test func `the notice comes before a large process has hung up`() throws {
    let listener = try Listener()
    // Whoever looks may be late on a busy machine; the order itself is always the same.
    var wasFirst = false
    for _ in 0..<5 where !wasFirst {
      let puppet = try puppet(listener, megabytes: 1024)
      kill(puppet.pid, SIGKILL)
      var notice = listener.next()
      wasFirst = !puppet.hasHungUp
      // Those of the one before may still come.
      while let other = notice, other != "puppet \(puppet.pid) died" { notice = listener.next() }
      #expect(notice != nil)
      puppet.collect()
      #expect(puppet.hasHungUp)
    }
    #expect(wasFirst)
  }

  /// How a thread is scheduled; `nil` when it is gone.
  private func policy(_ thread: pid_t) -> Int32? {
    let policy = sched_getscheduler(thread)
    return policy < 0 ? nil : policy & ~Self.resetOnFork
  }
  private static let resetOnFork: Int32 = 0x4000_0000

  @Test func `what is left of a process that died is not in real time`() async throws {
    let listener = try Listener()
    let puppet = try puppet(listener, megabytes: 64)
    // Where that is not permitted there is nothing to take away.
    guard puppet.answer(to: "urgent") == "ready 0" else {
      kill(puppet.pid, SIGKILL)
      puppet.collect()
      return
    }
    #expect(policy(puppet.pid) == SCHED_FIFO)
    kill(puppet.pid, SIGKILL)
    // It is there until it is collected.
    try await eventually("scheduled like everything else") { policy(puppet.pid) == SCHED_OTHER }
    puppet.collect()
    #expect(listener.next() == "puppet \(puppet.pid) died")
  }

  @Test func `a program that is missing is trouble, not an end`() async throws {
    let process = WatchedProcess(try WatchPage())
    let troubles = Mutex<[Problem]>([])
    let watcher = Watcher("/nonexistent/watcher", of: process) { problem in
      troubles.withLock { $0.append(problem) }
    }
    try await eventually("the trouble") { !troubles.withLock { $0.isEmpty } }
    watcher.end()
    #expect(troubles.withLock { $0.map(\.code) } == ["watcher_missing"])
  }
}

struct ProcessWatchTests {
  private final class Ends: Sendable {
    let all = Mutex<[ProcessWatch.End]>([])
    func add(_ end: ProcessWatch.End) { all.withLock { $0.append(end) } }
    var now: [ProcessWatch.End] { all.withLock { $0 } }
  }

  @Test(arguments: ["kill", "exit", "crash", "orderly"])
  func `a parent hears how its child ended`(way: String) async throws {
    let path = ScratchFolder.path("page")
    let page = try WatchPage(creatingAt: path)
    let ends = Ends()
    // It waits before there is anybody to wait for.
    let watch = ProcessWatch(page, urgency: .ordinary) { ends.add($0) }
    let puppet = try Puppet(["path", path, "-", "0"])
    #expect(ends.now.isEmpty)
    if way == "kill" { kill(puppet.pid, SIGKILL) } else { puppet.order(way) }
    try await eventually("the end") { ends.now == [way == "orderly" ? .orderly : .died] }
    puppet.collect()
    watch.cancel()
  }

  @Test func `a watch that is cancelled ends without a word`() async throws {
    let page = try WatchPage()
    let process = WatchedProcess(page)
    let ends = Ends()
    let watch = ProcessWatch(page, urgency: .ordinary) { ends.add($0) }
    watch.cancel()
    process.end()
    #expect(ends.now.isEmpty)
  }

  @Test func `what is no page is refused`() throws {
    let path = ScratchFolder.path("no-page")
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
    #expect(throws: Problem.self) { try WatchPage(openingAt: path) }
    #expect(throws: Problem.self) { try WatchPage(creatingAt: path) }
    #expect(throws: Problem.self) { try WatchPage(openingAt: path + "-missing") }
  }

  @Test func `notices that are too long are refused`() {
    #expect(throws: InvalidValue.self) { try DeathNotice([], to: [2, 0]) }
    #expect(throws: InvalidValue.self) {
      try DeathNotice(Array(repeating: 0, count: 257), to: [2, 0])
    }
    #expect(throws: InvalidValue.self) { try DeathNotice([1], to: Array(repeating: 0, count: 29)) }
  }
}
