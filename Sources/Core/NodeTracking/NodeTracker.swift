public import ClusterModel
import HeapModule

/// Knows which nodes there are and how they are, from what they say and from what they do not.
///
///     (new) ──registered──> healthy <────────relieved──────── degraded ──stuck too long──┐
///                              │ ──overloaded, stuck, rare──>    │                       │
///                              └───────────────┬─────────────────┘                       │
///                                              │ silent                                  ▼
///     (new) ──expected────────────────────> suspect ──silent too long──────────> unavailable
///                                            │ │ ▲                                       │
///     healthy, degraded <──heard, adopted────┘ │ │ silent                                │
///                                              │ │                  heard, or gets on     │
///                  heard, not adopted yet      ▼ │                                       │
///     healthy, degraded <──adopted────────── recovered <─────────────────────────────────┘
///
///     healthy, degraded, suspect, recovered ──death witnessed, forgotten──> unavailable
///     healthy, degraded, suspect ──another incarnation registered──> recovered
///
/// **Silence** is judged in two steps, each by the node's own rhythm within a floor and a ceiling
/// (``SilenceRules``): a suspect gets no new work, the work of an unavailable node is moved. When the
/// control plane's own loop was late, silence counts from that moment on for everybody: whoever slept
/// cannot say who was silent.
///
/// **Mass silence** (``MassSilenceRules``) is taken for the control plane's own isolation: an alarm,
/// and nobody is lost to silence until it is over; then silence counts anew. Silence within one fault
/// domain is the loss of that domain, and fewer than four nodes have no mass.
///
/// **Nodes in real time** are judged sooner than others where the control plane is, too
/// (``Configuration/ordinary``).
///
/// **Positive evidence** of death counts always and at once.
///
/// **A new incarnation** that registers while the last one counts as alive proves that one dead. Its
/// work is not moved: the new process says what it holds, and the host compares (`adopt`), which moves
/// just what is missing, and only if it has not been taken up again where it was.
public struct NodeTracker: Sendable {
  let configuration: Configuration
  /// Every node that is known, in no order; ``allNodes`` is sorted.
  public internal(set) var nodes: [NodeID: TrackedNode] = [:]
  /// How many of them are in which state, and what became of nodes since this tracker began.
  public internal(set) var tally = FleetTally()
  /// When nodes are looked at. Each node that waits for a time has one entry that counts, never later
  /// than that time: an early look only finds a later one.
  var alarms = Heap<NodeAlarm>()
  var census = Census()
  /// Of those in real time.
  var realTimeCensus = Census()
  /// Silence before this is held against nobody.
  var listeningSince = MonotonicInstant(nanoseconds: .min)
  var massSilence: MassSilence?
  /// Whether somebody in real time is overdue, and not lost because others may be as silent.
  var isHoldingBack = false
  /// What agents are to leave between two heartbeats, the ordinary ones at least. It grows with the fleet.
  public private(set) var heartbeatInterval: Duration
  /// How many nodes belong to the fleet: heard, or silent for a moment.
  public var memberCount: Int { census.members }

  /// - Parameter configuration: an invalid one is a bug; see `validate()` for what comes from outside.
  public init(configuration: Configuration = Configuration()) {
    do {
      try configuration.validate()
    } catch {
      preconditionFailure("\(error)")
    }
    self.configuration = configuration.inIntervals
    heartbeatInterval = configuration.heartbeatInterval
  }

  /// When `deadlineReached` is due; `nil` when nothing waits for a time. How late it, or any other
  /// input, comes is how late the control plane's loop is.
  public var nextDeadline: MonotonicInstant? { alarms.min?.at }

  /// Takes in what has happened and says what must be done, in this order.
  public mutating func handle(
    _ input: Input, at now: Instants, using random: inout some RandomNumberGenerator
  ) -> [Directive] {
    var directives: [Directive] = []
    forgiveIfLate(now, &directives)
    switch input {
    case .started: listeningSince = now.monotonic
    case .expected(let registration): expect(registration, now, &directives)
    case .registered(let registration): register(registration, now, &directives)
    case .heartbeatReceived(let heartbeat, let arrival):
      hear(heartbeat, min(arrival, now.monotonic), now, &directives)
    case .deathWitnessed(let node, let incarnation, let evidence):
      witness(node, incarnation, evidence, now, &directives)
    case .cordonRequested(let node): schedule(.cordoned, node, &directives)
    case .uncordonRequested(let node): schedule(.open, node, &directives)
    case .drainRequested(let node): schedule(.draining, node, &directives)
    case .drainCompleted(let node): endDrain(node, &directives)
    case .adopted(let node): settle(node, now, &directives)
    case .forgetRequested(let node): forget(node, now, &directives)
    case .deadlineReached: wake(now, &directives)
    }
    endMassSilenceIfOver(now, &directives)
    endHoldingBackIfOver(now, &directives)
    slowDownIfCrowded(&directives)
    return directives
  }

  /// With more nodes than can beat so often each beats half as often, from when it hears of it. Silence takes longer
  /// to mean something at once. It does not grow shorter again while this tracker lives: silence would be held
  /// against nodes that have not heard of that.
  private mutating func slowDownIfCrowded(_ directives: inout [Directive]) {
    let before = heartbeatInterval
    while heartbeatInterval < Configuration.slowest,
      Int64(census.members) * 1_000_000_000 / heartbeatInterval.nanoseconds
        > configuration.heartbeatsPerSecond
    {
      heartbeatInterval = min(heartbeatInterval * 2, Configuration.slowest)
    }
    if heartbeatInterval != before { directives.append(.intervalChanged(heartbeatInterval)) }
  }

  func intervals(_ count: Int) -> Duration { heartbeatInterval * count }

  /// Every node that is known, sorted by name.
  public var allNodes: [TrackedNode] { nodes.values.sorted { $0.id < $1.id } }

  /// The nodes as the document describes them, sorted by name.
  ///
  /// - Parameter now: turns the time since a node was last heard into a time of day.
  public func inventory(at now: Instants) -> [Node] {
    allNodes.map { node in
      Node(
        id: node.id, location: node.registration.location,
        capabilities: node.registration.capabilities, healthStatus: node.state.health,
        currentLoad: node.vitals.load, lastHeartbeat: now.wall + (node.heardAt - now.monotonic))
    }
  }
}

/// When a node is looked at.
struct NodeAlarm: Comparable, Sendable {
  let at: MonotonicInstant
  let node: NodeID

  static func < (left: Self, right: Self) -> Bool {
    (left.at, left.node) < (right.at, right.node)
  }
}
