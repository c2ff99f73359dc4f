import ClusterModel
import PropertyTesting

@testable import Supervision

/// A world in which everything a supervisor waits for comes in any order, and much happens that it did
/// not ask for. It notes every promise that is broken.
struct SupervisorChaos {
  enum Life: Equatable { case starting, running, asked, killed }

  private(set) var supervisor: Supervisor
  private(set) var living: [(incarnation: ChildIncarnation, life: Life)] = []
  private(set) var violations: [String] = []
  private(set) var ends = 0
  private let order: [ChildID]
  private let strategy: SupervisionStrategy
  private let intensity: RestartIntensity
  private var now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
  private var random: SeededRandom
  private var latest: [ChildID: Int] = [:]
  private var restarts: [MonotonicInstant] = []
  private var hasBegun = false
  private var mayStart = true

  init(
    _ children: [ChildRules], _ strategy: SupervisionStrategy, _ intensity: RestartIntensity,
    _ random: SeededRandom
  ) {
    supervisor = Supervisor(
      children, strategy: strategy, intensity: intensity,
      backOff: RestartBackOff(initial: .milliseconds(50), maximum: .seconds(2)))
    order = children.map(\.id)
    self.strategy = strategy
    self.intensity = intensity
    self.random = random
  }

  mutating func start() { tell(.startRequested) }

  mutating func step(_ action: Int, _ index: Int) {
    switch action {
    case 0: request(Supervisor.Input.restartRequested, index)
    case 1: request(Supervisor.Input.terminateRequested, index)
    case 2...4: pass(.milliseconds(index))
    case 5...6: end(living.indices.filter { living[$0].life == .running }, index, .failure("x"))
    case 7: end(living.indices.filter { living[$0].life == .running }, index, .normal)
    case 8: end(living.indices.filter { living[$0].life == .starting }, index, .failure("start"))
    case 9: stray(index)
    case 10...14: serve(index)
    case _: end(living.indices.filter { isEnding(living[$0].life) }, index, .shutdown)
    }
  }

  /// Asks for the end, and lets everything that was asked for happen.
  mutating func stop() {
    mayStart = false
    tell(.stopRequested)
    // Each child is asked and killed at most once.
    for _ in 0...(2 * order.count) {
      end(living.indices.filter { isEnding(living[$0].life) }, 0, .shutdown)
      pass(.seconds(10))
    }
  }

  private func isEnding(_ life: Life) -> Bool { life == .asked || life == .killed }

  private mutating func request(_ make: (ChildID) -> Supervisor.Input, _ index: Int) {
    if !order.isEmpty { tell(make(order[index % order.count])) }
  }

  private mutating func pass(_ duration: Duration) {
    now.monotonic = now.monotonic + duration
    now.wall = now.wall + duration
    tell(.deadlineReached)
    if let next = supervisor.nextDeadline, next <= now.monotonic {
      violations.append("a deadline is left behind")
    }
  }

  private mutating func serve(_ index: Int) {
    let candidates = living.indices.filter { living[$0].life == .starting }
    guard !candidates.isEmpty else { return }
    let chosen = candidates[index % candidates.count]
    living[chosen].life = .running
    tell(.childStarted(living[chosen].incarnation))
  }

  private mutating func end(_ candidates: [Int], _ index: Int, _ exit: ChildExit) {
    guard !candidates.isEmpty else { return }
    let gone = living.remove(at: candidates[index % candidates.count])
    tell(.childEnded(gone.incarnation, exit))
  }

  /// A report about what is long gone, or a child that becomes ready although it was told to stop.
  private mutating func stray(_ index: Int) {
    guard !order.isEmpty else { return }
    let child = order[index % order.count]
    tell(.childEnded(ChildIncarnation(child, (latest[child] ?? 0) - 1), .failure("stray")))
    if let asked = living.first(where: { isEnding($0.life) }) {
      tell(.childStarted(asked.incarnation))
    }
  }

  private mutating func tell(_ input: Supervisor.Input) {
    for directive in supervisor.handle(input, at: now, using: &random) { carryOut(directive) }
    if supervisor.deferred.count > 3 * order.count { violations.append("much is deferred") }
    if supervisor.recentRestarts.count > intensity.restarts + 1 {
      violations.append("much is remembered")
    }
  }

  private mutating func carryOut(_ directive: Supervisor.Directive) {
    if ends > 0 { violations.append("\(directive) after the end") }
    switch directive {
    case .startChild(let incarnation): begin(incarnation)
    case .stopChild(let incarnation, _): ask(incarnation, from: [.starting, .running], to: .asked)
    case .killChild(let incarnation):
      ask(incarnation, from: [.starting, .running, .asked], to: .killed)
    case .started: hasBegun = true
    case .report(let event): note(event)
    case .ended:
      ends += 1
      if !living.isEmpty { violations.append("it ended before its children") }
    }
  }

  private mutating func begin(_ incarnation: ChildIncarnation) {
    if !mayStart { violations.append("\(incarnation) started after the stop") }
    if living.contains(where: { $0.incarnation.child == incarnation.child }) {
      violations.append("two incarnations of \(incarnation.child)")
    }
    if incarnation.number != (latest[incarnation.child] ?? 0) + 1 {
      violations.append("\(incarnation) is not the next one")
    }
    latest[incarnation.child] = incarnation.number
    living.append((incarnation, .starting))
  }

  private mutating func ask(_ incarnation: ChildIncarnation, from: [Life], to life: Life) {
    guard let index = living.firstIndex(where: { $0.incarnation == incarnation }),
      from.contains(living[index].life)
    else {
      violations.append("\(incarnation) is not there to be ended")
      return
    }
    let wasAsked = living[index].life == .asked
    living[index].life = life
    // When all is stopped, what was started later is down already or on its way.
    guard !mayStart, !wasAsked else { return }
    let place = order.firstIndex(of: incarnation.child)!
    for other in living where order.firstIndex(of: other.incarnation.child)! > place {
      violations.append("\(incarnation) is stopped before \(other.incarnation)")
    }
  }

  private mutating func note(_ event: SupervisorEvent) {
    switch event {
    case .restarting:
      restarts.append(now.monotonic)
      let recent = restarts.filter { now.monotonic - $0 <= intensity.window }
      if recent.count > intensity.restarts { violations.append("too many restarts") }
    case .escalated:
      let recent = restarts.filter { now.monotonic - $0 <= intensity.window }
      if recent.count != intensity.restarts { violations.append("it gave up too early") }
      mayStart = false
    case .childStartFailed: if !hasBegun { mayStart = false }
    case .childStarted, .childEnded, .childStopped, .shutdownTimedOut: break
    }
  }
}
