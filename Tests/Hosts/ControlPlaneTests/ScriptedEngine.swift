import ClusterModel
import HostPorts
import Synchronization
import Testing

/// An engine that does what a test says, so that a run ends exactly when the test wants it to.
final class ScriptedEngine: ModuleEngine {
  typealias Handler = @Sendable (Activation) async -> Result<[UInt8], ActivationFailure>

  private struct Runs {
    var all: [Activation] = []
    var now = 0
    var most = 0
  }

  private let handler: Handler
  private let preparing: @Sendable () async throws(Problem) -> Void
  private let runs = Mutex(Runs())

  init(
    preparing: @escaping @Sendable () async throws(Problem) -> Void = {},
    _ handler: @escaping Handler
  ) {
    self.preparing = preparing
    self.handler = handler
  }

  /// One whose runs succeed once the gate is open, and end as cancelled when they are.
  convenience init(behind gate: Gate) {
    self.init { activation in
      await gate.pass()
        ? .success(activation.input)
        : .failure(ActivationFailure(code: .cancelled, message: "cancelled"))
    }
  }

  /// Every activation that began, in order.
  var activations: [Activation] { runs.withLock { $0.all } }
  var runningNow: Int { runs.withLock { $0.now } }
  /// The most that ran at the same time.
  var mostRunning: Int { runs.withLock { $0.most } }

  var facts: EngineFacts {
    EngineFacts(
      libraryVersion: "scripted", architecture: "none", cpuFeatures: [], workers: 1,
      instanceSlots: 1000, liveInstances: runningNow, queuedActivations: 0)
  }

  var activity: EngineActivity {
    EngineActivity(
      instanceSlots: 1000, liveInstances: runningNow, queuedActivations: 0, workers: [])
  }

  func prepare(
    _ bytes: [UInt8], digest: ModuleDigest, startingWith mode: CodeMode
  ) async throws(Problem) -> any PreparedModule {
    try await preparing()
    return Prepared(digest: digest, engine: self)
  }

  private struct Prepared: PreparedModule {
    let digest: ModuleDigest
    let imports: [String] = []
    let hasBundle = false
    let engine: ScriptedEngine
    let mode = CodeMode.optimised

    func optimised() async -> Bool { true }

    func run(_ activation: Activation) async -> ActivationReport {
      engine.runs.withLock { runs in
        runs.all.append(activation)
        runs.now += 1
        runs.most = max(runs.most, runs.now)
      }
      let result = await engine.handler(activation)
      engine.runs.withLock { $0.now -= 1 }
      return ActivationReport(result: result)
    }
  }
}

/// Holds up whoever comes until it is opened, or until they are cancelled.
final class Gate: Sendable {
  private let isOpen = Mutex(false)

  func open() { isOpen.withLock { $0 = true } }

  /// - Returns: whether it was opened; false when the task was cancelled.
  func pass() async -> Bool {
    while !isOpen.withLock({ $0 }) {
      // Cancelled: looked at below.
      try? await Task.sleep(for: .milliseconds(1))
      if Task.isCancelled { return false }
    }
    return true
  }
}

/// Waits until something is so.
func eventually(
  _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
  _ isSo: () async throws -> Bool
) async rethrows {
  let end = ContinuousClock.now + .seconds(20)
  // Where threads are held up for longer than that, what is waited for has had no time either.
  var looks = 0
  while try await !isSo() {
    looks += 1
    guard looks < 100 || ContinuousClock.now < end else {
      Issue.record(what, sourceLocation: sourceLocation)
      return
    }
    // Only cancelled when the test is.
    try? await Task.sleep(for: .milliseconds(1))
  }
}

/// The code of the problem that `body` throws; `nil` when it throws nothing.
func problemCode(_ body: () async throws -> Void) async -> String? {
  do {
    try await body()
    return nil
  } catch let problem as Problem {
    return problem.code
  } catch {
    return "\(error)"
  }
}

/// A configuration with one trigger.
func trigger(
  _ filter: String, result: String? = nil, attempts: Int = 2, concurrency: Int = 8
) -> DeploymentConfiguration {
  DeploymentConfiguration(
    triggers: [Trigger(topic: TopicFilter(unchecked: filter))],
    resultTopic: result.map { Topic(unchecked: $0) },
    retry: RetryPolicy(attempts: attempts, initialDelay: .milliseconds(1)),
    concurrency: concurrency)
}
