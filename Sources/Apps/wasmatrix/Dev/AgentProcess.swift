import ClusterModel
import Foundation
import Logging
import ProcessWatching
import SupervisionRuntime
import Synchronization

/// Owns a process of this program. It is ready when the process says so on standard output, and is told to end
/// by the end of its standard input: so it also ends with this process, however that ends.
///
/// Its death is known before the system has freed its memory: it holds the mutex of a page that is waited for here.
struct AgentProcess: SupervisedService {
  let arguments: @Sendable () async throws -> [String]
  let environment: @Sendable () async throws -> [String: String]
  /// Where the page is made.
  let page: String
  /// Called when it was seen to die; no other is started before this returns.
  let died: @Sendable () async -> Void

  /// How long it may take to stop; then it is killed.
  private static let patience = Duration.seconds(10)
  /// The time-out of its supervisor.
  static let shutdown = Duration.seconds(15)

  @concurrent func run(ready: @escaping @Sendable () -> Void) async throws {
    let (input, output) = (Pipe(), Pipe())
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let deaths = Deaths(page, died)
    defer { deaths.close() }
    process.arguments = try await arguments() + deaths.arguments
    process.environment = ProcessInfo.processInfo.environment.merging(try await environment()) {
      _, own in own
    }
    process.standardInput = input
    process.standardOutput = output
    let end = ProcessEnd()
    process.terminationHandler = { end.note($0.terminationStatus) }
    output.fileHandleForReading.readabilityHandler = { handle in
      // Its first line says that it is there; what comes after is of no interest.
      if handle.availableData.isEmpty {
        handle.readabilityHandler = nil
      } else {
        ready()
      }
    }
    try process.run()
    let identifier = process.processIdentifier
    let status = await withTaskCancellationHandler {
      await end.status()
    } onCancel: {
      try? input.fileHandleForWriting.close()
      Task {
        try? await Task.sleep(for: Self.patience)
        if !end.isKnown { kill(identifier, SIGKILL) }
      }
    }
    output.fileHandleForReading.readabilityHandler = nil
    await deaths.reported()
    guard !Task.isCancelled else { return }
    throw Problem(
      .unavailable, code: "agent_ended", "the agent's process has ended",
      cause: "status \(status)")
  }
}

/// How a process has ended, once it has.
private final class ProcessEnd: Sendable {
  private let known = Mutex<Int32?>(nil)
  private let ends: AsyncStream<Int32>
  private let continuation: AsyncStream<Int32>.Continuation

  init() { (ends, continuation) = AsyncStream.makeStream(of: Int32.self) }

  var isKnown: Bool { known.withLock { $0 != nil } }

  func note(_ status: Int32) {
    known.withLock { $0 = status }
    continuation.yield(status)
  }

  /// Waits for it, also in a task that was cancelled.
  func status() async -> Int32 {
    await Task { await ends.first { _ in true } ?? 0 }.value
  }
}

/// Waits for the death of one process.
private final class Deaths: Sendable {
  /// How the process is told where the page is; nothing when there is none.
  let arguments: [String]
  private let path: String
  private let watch: ProcessWatch?
  private let report: Report

  private final class Report: Sendable {
    /// Whether the next process may be started: what is seen now is not told any more.
    let state = Mutex<(task: Task<Void, Never>?, isOver: Bool)>((nil, false))
  }

  init(_ path: String, _ died: @escaping @Sendable () async -> Void) {
    self.path = path
    let report = Report()
    self.report = report
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // Of one that ended in the middle.
    unlink(path)
    do throws(Problem) {
      let page = try WatchPage(creatingAt: path)
      watch = ProcessWatch(page) { end in
        guard end == .died else { return }
        report.state.withLock { state in
          if !state.isOver { state.task = Task { await died() } }
        }
      }
      arguments = ["--watch-page", path]
    } catch {
      Logger(label: "nodes").warning(
        "the death of a node's process is noticed later", metadata: ["problem": "\(error)"])
      watch = nil
      arguments = []
    }
  }

  /// Returns when it was told that the process has died, if it was seen.
  func reported() async {
    let task = report.state.withLock { state in
      state.isOver = true
      return state.task
    }
    await task?.value
  }

  func close() {
    watch?.cancel()
    unlink(path)
  }
}
