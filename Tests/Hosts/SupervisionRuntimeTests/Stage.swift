import ClusterModel
import HostPorts
import Logging
import Supervision
import SupervisionRuntime
import Synchronization

struct RealClock: HostClock {
  private static let origin = ContinuousClock.now

  func now() -> Instants {
    Instants(
      monotonic: MonotonicInstant(nanoseconds: (ContinuousClock.now - Self.origin).nanoseconds),
      wall: WallInstant(microseconds: 0))
  }
}

/// A clock of which timers know nothing: it goes at an eighth of their speed.
struct SlowClock: HostClock {
  func now() -> Instants {
    var now = RealClock().now()
    now.monotonic.nanoseconds /= 8
    return now
  }
}

/// Where services of a test live: it writes down what they do, and makes them fail.
final class Stage: Sendable {
  enum Cue: Sendable { case fail, end }

  private struct State {
    var lines: [String] = []
    var living: [String: AsyncStream<Cue>.Continuation] = [:]
    var unwilling: Set<String> = []
    var stubborn: Set<String> = []
    var stuck: [String] = []
    var events: [SupervisorEvent] = []
  }

  private let state = Mutex(State())

  /// What happened, in order: `start a`, `ready a`, `end a`.
  var lines: [String] { state.withLock { $0.lines } }
  /// The names of the services that live.
  var living: [String] { state.withLock { $0.living.keys.sorted() } }
  /// The paths that were given up.
  var stuck: [String] { state.withLock { $0.stuck } }
  var events: [SupervisorEvent] { state.withLock { $0.events } }

  func forgetLines() { state.withLock { $0.lines = [] } }

  /// This service cannot start from now on, or can again.
  func set(_ name: String, isUnwilling: Bool) {
    state.withLock { state in
      if isUnwilling { state.unwilling.insert(name) } else { state.unwilling.remove(name) }
    }
  }

  /// This service does not heed its cancellation from now on, or does again.
  func set(_ name: String, isStubborn: Bool) {
    state.withLock { state in
      if isStubborn { state.stubborn.insert(name) } else { state.stubborn.remove(name) }
    }
  }

  func cue(_ name: String, _ cue: Cue) { _ = state.withLock { $0.living[name] }?.yield(cue) }

  /// Those that a service runs with.
  func environment() -> SupervisionEnvironment {
    SupervisionEnvironment(
      clock: RealClock(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      onEvent: { _, event in self.state.withLock { $0.events.append(event) } },
      onStuck: { path in self.state.withLock { $0.stuck.append(path) } })
  }

  func child(
    _ name: ChildID, restart: RestartType = .permanent,
    shutdown: ShutdownPolicy = .within(.seconds(60))
  ) -> ChildSpecification {
    ChildSpecification(name, restart: restart, shutdown: shutdown) {
      ServiceFunction { ready in try await self.run(name.text, ready) }
    }
  }

  struct Broken: Error {}

  private func run(_ name: String, _ ready: @escaping @Sendable () -> Void) async throws {
    let (cues, sender) = AsyncStream.makeStream(of: Cue.self)
    let isUnwilling = state.withLock { state in
      state.lines.append(state.living[name] == nil ? "start \(name)" : "\(name) lives twice")
      if state.unwilling.contains(name) { return true }
      state.living[name] = sender
      return false
    }
    guard !isUnwilling else { throw Broken() }
    defer {
      state.withLock { state in
        state.lines.append("end \(name)")
        state.living[name] = nil
      }
    }
    state.withLock { $0.lines.append("ready \(name)") }
    ready()
    // A stream is closed to a task that is cancelled.
    for await cue in cues {
      switch cue {
      case .fail: throw Broken()
      case .end: return
      }
    }
    while state.withLock({ $0.stubborn.contains(name) }) { await Task.yield() }
  }
}

struct NeverHappened: Error, CustomStringConvertible {
  let what: String
  var description: String { "this never happened: \(what)" }
}

/// Waits until something is so, for as long as a broken program deserves.
func until(_ what: String, _ condition: () async -> Bool) async throws {
  let end = ContinuousClock.now + .seconds(60)
  while await !condition() {
    guard ContinuousClock.now < end else { throw NeverHappened(what: what) }
    try await Task.sleep(for: .milliseconds(1))
  }
}
