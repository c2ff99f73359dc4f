import ClusterModel
import PropertyTesting

@testable import Supervision

/// A supervisor, a clock that is moved by hand, and orders as short texts.
struct SupervisorScript {
  var supervisor: Supervisor
  var now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
  var random = SeededRandom(seed: 7)
  var events: [SupervisorEvent] = []

  init(
    _ children: [ChildRules], _ strategy: SupervisionStrategy = .oneForOne,
    intensity: RestartIntensity = RestartIntensity(), backOff: RestartBackOff = .none
  ) {
    supervisor = Supervisor(
      children, strategy: strategy, intensity: intensity, backOff: backOff)
  }

  /// What it orders; what it reports is kept in `events`.
  mutating func handle(_ input: Supervisor.Input) -> [String] {
    supervisor.handle(input, at: now, using: &random).compactMap { directive in
      switch directive {
      case .startChild(let incarnation): return "start \(incarnation)"
      case .stopChild(let incarnation, _): return "stop \(incarnation)"
      case .killChild(let incarnation): return "kill \(incarnation)"
      case .started: return "started"
      case .ended(let exit): return "ended: \(exit)"
      case .report(let event):
        events.append(event)
        return nil
      }
    }
  }

  /// Starts it and all its children.
  mutating func startAll() {
    _ = handle(.startRequested)
    for child in supervisor.children.map(\.rules.id) { _ = started(child) }
    events = []
  }

  mutating func started(_ child: ChildID) -> [String] { handle(.childStarted(current(child))) }

  mutating func ended(_ child: ChildID, _ exit: ChildExit) -> [String] {
    handle(.childEnded(current(child), exit))
  }

  mutating func failed(_ child: ChildID) -> [String] { ended(child, .failure("broken")) }

  mutating func advance(_ duration: Duration) -> [String] {
    now.monotonic = now.monotonic + duration
    now.wall = now.wall + duration
    return handle(.deadlineReached)
  }

  func current(_ child: ChildID) -> ChildIncarnation {
    let number = supervisor.children.first { $0.rules.id == child }?.incarnation
    return ChildIncarnation(child, number ?? 0)
  }

  func state(_ child: ChildID) -> ChildState? {
    supervisor.status.first { $0.id == child }?.state
  }
}
