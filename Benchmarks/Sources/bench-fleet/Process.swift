import Foundation
import Glibc

/// A process that this one started, and ends with it. One thread at a time uses it.
final class Process: @unchecked Sendable {
  let pid: pid_t
  private(set) var hasEnded = false

  /// - Parameter log: where its output goes.
  init(_ words: [String], log: String, environment: [String: String] = [:]) throws {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&files, 1, 2)
    let merged = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    let arguments = words.map { strdup($0) } + [nil]
    let variables = merged.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var child: pid_t = 0
    guard posix_spawn(&child, words[0], &files, nil, arguments, variables) == 0 else {
      throw Failure("\(words[0]) cannot be started: build it with `make build`")
    }
    pid = child
  }

  deinit {
    signal(SIGCONT)
    end()
  }

  func signal(_ number: Int32) {
    if !hasEnded { kill(pid, number) }
  }

  /// Kills it, and waits until it is gone.
  func end() {
    signal(SIGKILL)
    reap()
  }

  func reap() {
    guard !hasEnded else { return }
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    hasEnded = true
  }

  /// Bytes in memory.
  var resident: Int {
    let fields = (try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8))?
      .split(separator: " ")
    return (fields.flatMap { $0.count > 1 ? Int($0[1]) : nil } ?? 0)
      * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Seconds that it has used of a processor; 0 when it has ended.
  var processorTime: Double {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    // Counted from the state, the third: user and system time.
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      return 0
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Written by one thread before another reads it.
  private final class Said: @unchecked Sendable {
    var text = Data()
  }

  /// Runs it to its end.
  ///
  /// - Returns: what it said.
  static func run(_ words: [String], in folder: String, environment: [String: String] = [:])
    throws -> String
  {
    let process = Foundation.Process()
    process.executableURL = URL(filePath: words[0])
    process.arguments = Array(words.dropFirst())
    process.currentDirectoryURL = URL(filePath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Both at once: it waits for whoever reads when it has said more than a pipe holds.
    let complaints = Said()
    let group = DispatchGroup()
    group.enter()
    Thread.detachNewThread {
      complaints.text = errors.fileHandleForReading.readDataToEndOfFile()
      group.leave()
    }
    let said = output.fileHandleForReading.readDataToEndOfFile()
    group.wait()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure("\(words): \(String(decoding: complaints.text, as: UTF8.self))")
    }
    return String(decoding: said, as: UTF8.self)
  }
}

/// Processes that do nothing but use the processors.
final class Burners {
  private let processes: [Process]

  init(_ count: Int) throws {
    processes = try (0..<count).map { _ in
      try Process(["/proc/self/exe", "burn"], log: "/dev/null")
    }
  }

  func end() { for process in processes { process.end() } }
}
