import ClusterModel
import PropertyTesting

@testable import NodeTracking

/// Drives a tracker through virtual time, as a host whose loop is punctual.
struct TrackerScript {
  static let interval = Duration.milliseconds(100)
  static let node = NodeID(unchecked: "n1")

  var tracker: NodeTracker
  var now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 1_000_000_000_000),
    wall: WallInstant(microseconds: 1_800_000_000_000_000))
  private var random = SeededRandom(seed: 0)
  private var sequences: [NodeID: UInt64] = [:]

  init(_ adjust: (inout NodeTracker.Configuration) -> Void = { _ in }) {
    var configuration = NodeTracker.Configuration()
    configuration.heartbeatInterval = Self.interval
    adjust(&configuration)
    tracker = NodeTracker(configuration: configuration)
  }

  mutating func handle(_ input: NodeTracker.Input) -> [NodeTracker.Directive] {
    tracker.handle(input, at: now, using: &random)
  }

  /// What the tracker orders, in words.
  @discardableResult
  mutating func tell(_ input: NodeTracker.Input) -> [String] { handle(input).map(describe) }

  /// Lets time pass without waking anybody.
  mutating func sleep(_ duration: Duration) {
    now.monotonic = now.monotonic + duration
    now.wall = now.wall + duration
  }

  /// Lets time pass and wakes the tracker whenever it is due.
  @discardableResult
  mutating func advance(_ duration: Duration) -> [String] {
    directives(during: duration).map { describe($0.directive) }
  }

  mutating func directives(
    during duration: Duration
  ) -> [(at: MonotonicInstant, directive: NodeTracker.Directive)] {
    let end = now.monotonic + duration
    var all: [(MonotonicInstant, NodeTracker.Directive)] = []
    while let deadline = tracker.nextDeadline, deadline <= end {
      sleep(max(deadline - now.monotonic, .zero))
      all += handle(.deadlineReached).map { (now.monotonic, $0) }
    }
    sleep(end - now.monotonic)
    return all
  }

  // Nodes.

  func state(_ node: NodeID = node) -> NodeState? { tracker.nodes[node]?.state }

  @discardableResult
  mutating func register(
    _ node: NodeID = node, incarnation: UInt64 = 1, zone: String = "default",
    domain: String? = nil, punctuality: HeartbeatPunctuality = .realTime
  ) -> [String] {
    // The numbers of one start go on when it registers again.
    if tracker.nodes[node]?.incarnation.number != incarnation { sequences[node] = 0 }
    return tell(
      .registered(
        registration(
          node, incarnation: incarnation, zone: zone, domain: domain, punctuality: punctuality)))
  }

  /// The next heartbeat of a node; by default it has nothing to do.
  @discardableResult
  mutating func beat(
    _ node: NodeID = node, incarnation: UInt64? = nil, progress: UInt64 = 0, isBusy: Bool = false,
    heardAgo: Duration = .zero, cpu: Double = 0, memory: Double = 0
  ) -> [String] {
    sequences[node, default: 0] += 1
    return tell(
      .heartbeatReceived(
        heartbeat(
          node, incarnation: incarnation ?? tracker.nodes[node]?.incarnation.number ?? 1,
          sequence: sequences[node] ?? 1, progress: progress, isBusy: isBusy,
          heardAgo: heardAgo, cpu: cpu, memory: memory),
        at: now.monotonic))
  }

  /// Beats of some nodes, one each interval, for so many intervals; what is ordered meanwhile.
  @discardableResult
  mutating func live(_ nodes: [NodeID] = [node], for intervals: Int) -> [String] {
    var all: [String] = []
    for _ in 0..<intervals {
      all += advance(Self.interval)
      for node in nodes { all += beat(node) }
    }
    return all
  }
}

func registration(
  _ node: NodeID, incarnation: UInt64 = 1, zone: String = "default", domain: String? = nil,
  cores: Int = 4, punctuality: HeartbeatPunctuality = .realTime
) -> NodeRegistration {
  let capabilities = try? NodeCapabilities(
    architectures: [.x86_64], memory: .gibibytes(8), cpuCores: cores,
    faultDomain: domain.map { FaultDomain(unchecked: $0) })
  guard let capabilities else { preconditionFailure("the capabilities are valid") }
  return NodeRegistration(
    node: node, incarnation: Incarnation(incarnation),
    location: NodeLocation(zone: Zone(unchecked: zone)), capabilities: capabilities,
    punctuality: punctuality)
}

func heartbeat(
  _ node: NodeID, incarnation: UInt64 = 1, sequence: UInt64, progress: UInt64 = 0,
  isBusy: Bool = false, heardAgo: Duration = .zero, cpu: Double = 0, memory: Double = 0
) -> Heartbeat {
  guard let load = try? NodeLoad(cpuPercent: cpu, memoryPercent: memory, activeModules: 0) else {
    preconditionFailure("the load is valid")
  }
  return Heartbeat(
    node: node, incarnation: Incarnation(incarnation), sequence: sequence, progress: progress,
    isBusy: isBusy, heardAgo: heardAgo, load: load)
}

func nodes(_ count: Int) -> [NodeID] { (1...count).map { NodeID(unchecked: "n\($0)") } }

func describe(_ directive: NodeTracker.Directive) -> String {
  switch directive {
  case .stateChanged(let node, let from, let to, let reason):
    "\(node): \(from?.rawValue ?? "new") -> \(to.rawValue) (\(reason))"
  case .moveWork(let node, let evidence): "move from \(node) (\(describe(evidence)))"
  case .adopt(let node): "adopt \(node)"
  case .scheduleChanged(let node): "schedule of \(node)"
  case .drain(let node): "drain \(node)"
  case .refuse(let node, let incarnation, let problem):
    "refuse \(node)#\(incarnation.number) (\(problem.problem.code))"
  case .raiseAlarm: "alarm"
  case .clearAlarm: "no alarm"
  case .intervalChanged(let interval): "every \(interval)"
  }
}

private func describe(_ evidence: LossEvidence) -> String {
  switch evidence {
  case .silence: "silence"
  case .stuck: "stuck"
  case .death(let evidence): evidence.rawValue
  case .forgotten: "forgotten"
  }
}
