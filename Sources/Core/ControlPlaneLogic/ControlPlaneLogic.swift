public import ClusterModel
public import EventRouting
public import ModuleCatalog
public import NodeTracking
public import Scheduling

/// All decisions of the control plane. It knows no clock, no disk, no network; the host that owns it
/// carries its directives out and tells it what came of them.
///
///     people ──requests──> Catalog          what is registered, trusted, deployed
///                            │ wants, promotes, retains      ▲ ready, lost, failed
///                            ▼                               │
///     agents ──reports──> PlacementPlanner ──plans──> agents  (asks the Scheduler which nodes)
///        │                   ▲ attached, lost, drained
///        └──heartbeats──> NodeTracker       which nodes there are, and how they are
///
///     events ────────────> EventRouter ──whose turn──> LoadBalancer ──where──> agents
///     invocations ───────> Invocations ──now, again?────────┘
///
/// **The death of a node**, from here to the new plan: `heartbeatReceived` stays away ->
/// `NodeTracker` says `moveWork` (`+Nodes`) -> `PlacementPlanner.lose` takes its seats away
/// (`PlacementPlanner+Nodes`) -> `promoteFallbacks` lets others serve, and `fill` finds new fallbacks
/// (`PlacementPlanner+Reconcile`) -> `sendPlans`. What ran there is routed again (`+Routing`).
///
/// It begins by raising its term durably; before that it decides nothing.
public struct ControlPlaneLogic: Sendable {
  public struct Configuration: Sendable {
    public var tracking: NodeTracker.Configuration
    public var routing: EventRouter.Limits
    public var breakers: CircuitBreaker.Configuration
    public var invocations: InvocationLimits
    /// Where requests come in: the nearest nodes are tried first, before anything was measured. `nil` when
    /// that is nowhere in particular. Default: `nil`.
    public var entry: NodeLocation?
    /// How long a node may go on with its plan when it boots without a control plane. Default: a day.
    public var standingPlanLife = StandingPlanRules.defaultLife
    var planning = PlacementPlanner.Configuration()
    /// How long the control plane waits after its start for nodes to say what they hold, before it
    /// places what nobody holds.
    public var adoptionGrace: Duration {
      get { planning.adoptionGrace }
      set { planning.adoptionGrace = newValue }
    }

    public init(
      tracking: NodeTracker.Configuration = NodeTracker.Configuration(),
      routing: EventRouter.Limits = EventRouter.Limits(),
      breakers: CircuitBreaker.Configuration = CircuitBreaker.Configuration(),
      invocations: InvocationLimits = InvocationLimits()
    ) {
      self.invocations = invocations
      self.tracking = tracking
      self.routing = routing
      self.breakers = breakers
    }
  }

  /// What happens when a change of its own is durable.
  enum Continuation: Sendable {
    case begin
    case saveNode(NodeID)
    case command(RequestID, NodeID, NodeCommand)
  }

  let configuration: Configuration
  let snapshot: CatalogSnapshot
  public internal(set) var catalog: Catalog
  public internal(set) var router: EventRouter
  public internal(set) var tracker: NodeTracker
  var breakers: CircuitBreakers
  /// Nodes of which it was told that their breakers are open.
  var brokenNodes: Set<NodeID> = []
  /// `nil` until the term is durable.
  var planner: PlacementPlanner?
  var balancer = LoadBalancer()
  public internal(set) var roundTrips = RoundTripTable()
  var invocations: Invocations
  var standingPlans: StandingPlans
  /// Whether something may serve now that did not before, so that what waits is looked at.
  var mayServe = false
  /// How operators want each node to be given work.
  var known: [NodeID: KnownNode] = [:]
  /// Nodes of which something is not durable yet, and is tried again.
  var unsaved: Set<NodeID> = []
  var saving: Set<NodeID> = []
  var retryAt: MonotonicInstant?
  var continuations: [UInt64: Continuation] = [:]
  private var lastPersist: UInt64 = 0
  var lastEvent: UInt64 = 0
  var lastRun: UInt64 = 0

  public init(_ snapshot: CatalogSnapshot, configuration: Configuration = Configuration()) {
    self.snapshot = snapshot
    self.configuration = configuration
    catalog = Catalog(snapshot)
    router = EventRouter(limits: configuration.routing)
    tracker = NodeTracker(configuration: configuration.tracking)
    breakers = CircuitBreakers(configuration: configuration.breakers)
    invocations = Invocations(limits: configuration.invocations)
    standingPlans = StandingPlans(life: configuration.standingPlanLife)
    for node in snapshot.nodes { known[node.registration.node] = node }
  }

  /// Before what could not be made durable is tried again.
  static let retryInterval = Duration.seconds(1)

  /// Whether requests are taken.
  public var hasBegun: Bool { planner != nil }

  /// The term of this control plane; 0 until it is durable.
  public var term: UInt64 { planner?.term ?? 0 }

  /// When `deadlineReached` is due.
  public var nextDeadline: MonotonicInstant? {
    [
      router.nextDeadline, tracker.nextDeadline, breakers.nextDeadline, planner?.nextDeadline,
      invocations.nextDeadline, roundTrips.nextDeadline, retryAt,
      standingPlans.nextDeadline,
    ].compactMap { $0 }.min()
  }

  /// For how long heartbeats are gathered before they are read, so that a fleet wakes the control plane no more often
  /// than its first nodes do; `nil` when there are so few that each is read at once. Nobody is silent meanwhile: what
  /// has arrived is read before a deadline is looked at.
  public var heartbeatsGatherFor: Duration? {
    tracker.memberCount > Self.nodesReadAtOnce ? tracker.heartbeatInterval / 2 : nil
  }

  /// Gathered twice in an interval, the heartbeats of more nodes take fewer readings than they are.
  private static let nodesReadAtOnce = 2

  /// Whether what a module did on a node may still take place.
  public func judge(
    _ claim: EffectClaim, of name: QualifiedName, on node: NodeID, at now: Instants
  ) -> ClaimVerdict {
    planner?.judge(claim, of: name, on: node, at: now.monotonic) ?? .over
  }

  /// When an invocation has its answer at the latest; `nil` for one that is not known (any more).
  public func deadline(of request: RequestID) -> MonotonicInstant? {
    invocations[request]?.deadline
  }

  /// What whoever waits for an invocation hears when it cannot be answered in time.
  public func outOfTime(_ request: RequestID, _ now: Instants) -> Problem {
    invocations.outOfTime(request, now)
  }

  /// Takes in what has happened and says what must be done, in this order.
  public mutating func handle(
    _ input: Input, at now: Instants, using random: inout some RandomNumberGenerator
  ) -> [Directive] {
    var directives: [Directive] = []
    switch input {
    case .started: raiseTerm(&directives)
    case .persisted(let id): persisted(id, nil, now, &random, &directives)
    case .persistFailed(let id, let problem): persisted(id, problem, now, &random, &directives)
    case .catalog(let input): tell(input, now, &random, &directives)
    case .nodeCommanded(let request, let node, let command, let requester):
      self.command(request, node, command, requester, now, &directives)
    case .agentSpoke(let message): hear(message, now, &random, &directives)
    case .heartbeatArrived(let heartbeat, let arrival):
      if hasBegun { take(heartbeat, arrival, now, &random, &directives) }
    case .roundTripsMeasured(let node, let samples): measured(samples, from: node, now)
    case .agentDied(let node, let incarnation, let evidence):
      track(.deathWitnessed(node, incarnation, evidence), now, &random, &directives)
    case .events(let input): route(input, now, &random, &directives)
    case .activationEnded(let id, let route, let end):
      ended(id, route, end, now, &random, &directives)
    case .invocationRequested(let request, let wish):
      invoke(request, wish, now, &random, &directives)
    case .invocationEnded(let request, let route, let end):
      ended(request, route, end, now, &random, &directives)
    case .invocationWithdrawn(let request): withdraw(request, now, &directives)
    case .standingContentChanged: standingPlans.contentChanged(at: now.monotonic)
    case .deadlineReached: wake(now, &random, &directives)
    }
    settle(now, &random, &directives)
    callWaiting(now, &random, &directives)
    return directives
  }

  /// Lets plans follow from whatever has changed, until nothing more does.
  private mutating func settle(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    var steps: [PlacementPlanner.Step] = []
    planner?.settle(now, &steps)
    take(steps, now, &random, &directives)
  }

  private mutating func wake(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    let time = now.monotonic
    if let at = retryAt, at <= time { retry(&directives) }
    track(.deadlineReached, now, &random, &directives)
    for node in breakers.wake(at: time) {
      tellBreaker(of: node, now, &directives)
      mayServe = true
    }
    var steps: [PlacementPlanner.Step] = []
    planner?.wake(now, &steps)
    take(steps, now, &random, &directives)
    if router.nextDeadline.map({ $0 <= time }) == true {
      route(.deadlineReached, now, &random, &directives)
    }
    wakeInvocations(now, &random, &directives)
    take(roundTrips.wake(at: time, zone: zones))
    sealPlans(time, &directives)
  }

  /// Lets plans be sealed whose turn it is.
  private mutating func sealPlans(_ now: MonotonicInstant, _ directives: inout [Directive]) {
    let books = planner?.books ?? [:]
    for node in standingPlans.takeDue(at: now, where: { books[$0]?.isAttached == true }) {
      guard let plan = books[node]?.plan else { continue }
      directives.append(.seal(plan, life: standingPlans.life))
    }
  }

  mutating func persist(
    _ changes: [CatalogChange], then continuation: Continuation, _ directives: inout [Directive]
  ) {
    lastPersist += 1
    continuations[lastPersist] = continuation
    directives.append(.persist(PersistID(.cluster, lastPersist), changes))
  }

  private mutating func persisted(
    _ id: PersistID, _ problem: Problem?, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    switch id.part {
    case .catalog:
      tell(
        problem.map { .persistFailed(id, $0) } ?? .persisted(id), now, &random, &directives)
    case .cluster:
      guard let continuation = continuations.removeValue(forKey: id.number) else { return }
      if let problem {
        giveUp(continuation, problem, now, &directives)
      } else {
        proceed(continuation, now, &random, &directives)
      }
    }
  }
}
