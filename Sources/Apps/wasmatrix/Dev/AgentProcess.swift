import ClusterModel
import Foundation
import SupervisionRuntime
import Synchronization

/// Owns a process of this program. It is ready when the process says so on standard output, and is told to end
/// by the end of its standard input: so it also ends with this process, however that ends.
struct AgentProcess: SupervisedService {
  let arguments: @Sendable () async throws -> [String]
  let environment: @Sendable () async throws -> [String: String]

  /// How long it may take to stop; then it is killed.
  private static let patience = Duration.seconds(10)
  /// The time-out of its supervisor.
  static let shutdown = Duration.seconds(15)

  @concurrent func run(ready: @escaping @Sendable () -> Void) async throws {
    let (input, output) = (Pipe(), Pipe())
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = try await arguments()
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
