import ClusterModel
import EventRouting
import ModuleCatalog
import NodeTracking

@testable import ControlPlaneLogic

/// A control plane whose time, store and agents a test plays, with what it does as text.
struct ControlPlaneDriver {
  private(set) var logic: ControlPlaneLogic
  private var nanoseconds: Int64 = 0
  private var random = SystemRandomNumberGenerator()
  private var lastRequest: UInt64 = 0
  private var beats: [NodeID: UInt64] = [:]
  /// The newest plan of each node.
  private(set) var plans: [NodeID: NodePlan] = [:]
  /// What each node was last to be told that it may obey alone.
  private(set) var sealed: [NodeID: NodePlan] = [:]
  private(set) var announced: [EventMessage] = []
  /// What the store does with a change.
  enum Store {
    case keepsAtOnce, keepsLater
    case fails
  }

  var store = Store.keepsAtOnce
  /// All that the store was to keep, and what it has not kept yet.
  private(set) var changes: [CatalogChange] = []
  private var unkept: [PersistID] = []
  private(set) var sent: [ControlMessage] = []
  /// What was begun on nodes, the newest last.
  private(set) var invocations: [(request: RequestID, route: Route)] = []
  private(set) var activations: [(id: DeliveryID, route: Route)] = []
  private var lastDelivery: Int64 = 0
  /// The nodes of which nothing is waited for any more.
  private(set) var abandoned: [NodeID] = []
  /// The nodes whose way was closed.
  private(set) var hungUp: [NodeID] = []
  /// Invocations, in order.
  private(set) var asked: [RequestID] = []
  /// What callers heard, in order: the problem, or `nil` for what ran.
  /// Whether time passes while answers are on their way.
  var hearsAnswers = true
  private(set) var answers: [(request: RequestID, problem: Problem?)] = []

  init(
    _ snapshot: CatalogSnapshot = CatalogSnapshot(), store: Store = .keepsAtOnce,
    configuration: ControlPlaneLogic.Configuration = ControlPlaneLogic.Configuration()
  ) {
    logic = ControlPlaneLogic(snapshot, configuration: configuration)
    self.store = store
    _ = tell(.started)
  }

  var now: Instants {
    Instants(
      monotonic: MonotonicInstant(nanoseconds: nanoseconds),
      wall: WallInstant(microseconds: nanoseconds / 1000))
  }

  static func node(_ name: String) -> NodeID { NodeID(unchecked: name) }
  static let requester = Requester(principal: .local, namespace: .default)

  /// The store keeps what it has put off.
  mutating func keep() -> [String] {
    let kept = unkept
    unkept = []
    return kept.flatMap { tell(.persisted($0)) }
  }

  /// The store cannot keep what it has put off.
  mutating func keepNothing() -> [String] {
    let kept = unkept
    unkept = []
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    return kept.flatMap { tell(.persistFailed($0, problem)) }
  }

  /// Feeds the logic, and plays the store and the event log. Where plans wait for an answer, it is heard.
  mutating func tell(_ input: ControlPlaneLogic.Input) -> [String] {
    var texts = feed(input)
    if hearsAnswers, logic.planner?.plansWaitUntil != nil {
      nanoseconds += PlacementPlanner.pause.nanoseconds
      texts += feed(.deadlineReached)
    }
    return texts
  }

  private mutating func feed(_ input: ControlPlaneLogic.Input) -> [String] {
    var texts: [String] = []
    for directive in logic.handle(input, at: now, using: &random) {
      switch directive {
      case .persist(let id, let changes):
        self.changes += changes
        texts += persist(id)
      case .reply(_, .catalog(.refused(let problem))), .reply(_, .refused(let problem)):
        texts.append("refused \(problem.code)")
      case .reply(_, .catalog(.deployed(let deployments))):
        texts.append("deployed \(deployments.map { "\($0.name)#\($0.generation)" })")
      case .reply(_, .node(let node, let scheduling)):
        texts.append("node \(node) \(scheduling?.rawValue ?? "forgotten")")
      case .reply: texts.append("replied")
      case .send(let node, let message):
        sent.append(message)
        texts += hear(message, as: node)
      case .progress: break
      case .events(let directive): texts += log(directive)
      case .activate(let id, _, let route, let attempt):
        activations.append((id, route))
        texts.append("activate \(id) on \(route.node), attempt \(attempt)")
      case .invoke(let request, let route, let attempt):
        invocations.append((request, route))
        texts.append("invoke on \(route.node)" + (attempt > 1 ? ", attempt \(attempt)" : ""))
      case .answerInvocation(let request, let route):
        answers.append((request, nil))
        texts.append("answer of \(route.node)")
      case .endInvocation(_, let route): texts.append("end on \(route.node)")
      case .refuseInvocation(let request, let problem):
        answers.append((request, problem))
        texts.append("no invocation: \(problem.code)")
      case .abandonRuns(let node): abandoned.append(node)
      case .hangUp(let node): hungUp.append(node)
      case .noteLateAnswer(let id, let route):
        texts.append("late answer to \(id) from \(route.node)")
      case .announce(let event): announced.append(event)
      case .failedOver(let failover, let id):
        announced.append(failover.message(id, took: now.monotonic - failover.began, at: now.wall))
      case .announceChanges(let changes): announced += changes.flatMap(\.messages)
      case .seal(let plan, _): sealed[plan.node] = plan
      }
    }
    return texts
  }

  private mutating func persist(_ id: PersistID) -> [String] {
    switch store {
    case .keepsAtOnce: return feed(.persisted(id))
    case .keepsLater:
      unkept.append(id)
      return []
    case .fails:
      return feed(.persistFailed(id, Problem(.unavailable, code: "disk_full", "no room")))
    }
  }

  private mutating func hear(_ message: ControlMessage, as node: NodeID) -> [String] {
    switch message {
    case .plan(let plan):
      plans[node] = plan
      return ["\(node): \(Self.text(plan))"]
    case .unknown: return ["\(node): unknown"]
    case .refused(_, let problem, _): return ["\(node): refused \(problem.code)"]
    case .welcome, .heartbeatAcknowledged, .reportAcknowledged, .standing: return []
    }
  }

  /// An event log that keeps all at once.
  private mutating func log(_ directive: EventRouter.Directive) -> [String] {
    switch directive {
    case .append(let request, let accepted):
      let deliveries = accepted.targets.map { _ in
        lastDelivery += 1
        return DeliveryID(lastDelivery)
      }
      return tell(
        .events(
          .eventAppended(
            request, AppendedEvent(offset: EventOffset(lastDelivery), deliveries: deliveries))))
    case .record(let change):
      let text =
        switch change.outcome {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .dead(let failure): "dead \(failure.code.rawValue)"
        }
      return ["\(change.delivery) \(text)"]
        + tell(.events(.changeRecorded(change.delivery, published: [])))
    case .giveUp(let id): return ["give up \(id)"]
    case .accept, .refuse, .activate, .settled, .commit, .confirm: return []
    }
  }

  static func text(_ plan: NodePlan?) -> String {
    (plan?.orders ?? []).map {
      "\($0.placement.name)#\($0.placement.generation) \($0.role.rawValue)"
    }.joined(separator: ", ")
  }

  mutating func nextRequest() -> RequestID {
    lastRequest += 1
    return RequestID(lastRequest)
  }

  func registration(_ name: String, incarnation: UInt64 = 1) -> NodeRegistration {
    guard
      let capabilities = try? NodeCapabilities(
        architectures: [.x86_64], memory: .mebibytes(1024), cpuCores: 1)
    else { preconditionFailure("it is valid") }
    return NodeRegistration(
      node: Self.node(name), incarnation: Incarnation(incarnation),
      location: NodeLocation(zone: .default), capabilities: capabilities)
  }

  mutating func attach(
    _ name: String, incarnation: UInt64 = 1, holding: [HeldPlacement] = []
  ) -> [String] {
    let registration = registration(name, incarnation: incarnation)
    return tell(
      .agentSpoke(
        .attached(
          registration,
          NodeReport(
            node: registration.node, incarnation: registration.incarnation, sequence: 1,
            plan: .zero, placements: holding))))
  }

  mutating func beat(
    _ name: String, incarnation: UInt64 = 1, heardAgo: Duration = .zero
  ) -> [String] {
    let node = Self.node(name)
    beats[node, default: 0] += 1
    return tell(
      .agentSpoke(
        .heartbeat(
          Heartbeat(
            node: node, incarnation: Incarnation(incarnation), sequence: beats[node] ?? 1,
            progress: 0, isBusy: false, heardAgo: heardAgo, load: .idle))))
  }

  /// A node says that it obeys its newest plan, and how all of it is.
  mutating func obey(
    _ name: String, incarnation: UInt64 = 1, condition: PlacementCondition = .ready
  ) -> [String] {
    let node = Self.node(name)
    guard let plan = plans[node] else { return ["no plan"] }
    return tell(
      .agentSpoke(
        .reported(
          NodeReport(
            node: node, incarnation: Incarnation(incarnation),
            sequence: UInt64(nanoseconds) + 2, plan: plan.version,
            placements: plan.orders.map {
              HeldPlacement(
                $0.deployment, role: $0.role, fence: $0.fence, condition: condition)
            }))))
  }

  /// Lets time pass while some nodes go on beating.
  mutating func wait(_ duration: Duration, beating names: [String]) -> [String] {
    var texts: [String] = []
    let end = nanoseconds + duration.nanoseconds
    while nanoseconds < end {
      nanoseconds = min(end, nanoseconds + 10_000_000)
      for name in names { texts += beat(name) }
      var wakes = 0
      while let due = logic.nextDeadline, due <= now.monotonic {
        texts += tell(.deadlineReached)
        wakes += 1
        precondition(wakes < 1000, "it never comes to rest")
      }
    }
    return texts
  }

  mutating func push(_ version: String) -> [String] {
    let record = ModuleVersionRecord(
      namespace: .default, name: ModuleName(unchecked: "m"),
      version: ModuleVersion(unchecked: version),
      digest: ModuleDigest(sha256: [UInt8](repeating: UInt8(version.utf8.first ?? 0), count: 32)),
      size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: now.wall, pushedBy: .local)
    return tell(.catalog(.moduleVerified(nextRequest(), record)))
  }

  mutating func deploy(
    _ version: String, _ rules: PlacementRules, isIdempotent: Bool = false
  ) -> [String] {
    let wish = DeploymentWish(
      name: ModuleName(unchecked: "m"), version: ModuleVersion(unchecked: version),
      configuration: DeploymentConfiguration(
        triggers: [Trigger(topic: TopicFilter(unchecked: "t"))], placement: rules,
        isIdempotent: isIdempotent))
    return tell(
      .catalog(
        .deploymentRequested(
          nextRequest(), ApplicationName(unchecked: "app"), [wish], Self.requester)))
  }

  /// Version 1 serves on the first of some nodes, and whatever else holds it is ready.
  mutating func serve(
    on names: [String], _ rules: PlacementRules, isIdempotent: Bool = false
  ) {
    for name in names { _ = attach(name) }
    _ = push("1")
    _ = deploy("1", rules, isIdempotent: isIdempotent)
    for _ in 0..<2 {
      for name in names where plans[Self.node(name)] != nil { _ = obey(name) }
    }
    _ = news()
  }

  /// What a node holds if it obeys its plan.
  func held(_ name: String) -> [HeldPlacement] {
    (plans[Self.node(name)]?.orders ?? []).map {
      HeldPlacement($0.deployment, role: $0.role, fence: $0.fence, condition: .ready)
    }
  }

  /// What another control plane would find in the store.
  var snapshot: CatalogSnapshot {
    CatalogSnapshot(
      versions: logic.catalog.versions.values.flatMap { $0 },
      deployments: logic.catalog.placed.values.map(\.deployment),
      history: logic.catalog.history.values.flatMap { $0 },
      nodes: logic.known.values.sorted { $0.registration.node < $1.registration.node },
      term: logic.term)
  }

  mutating func scale(to replicas: Int) -> [String] {
    tell(
      .catalog(
        .scaleRequested(
          nextRequest(), QualifiedName(.default, ModuleName(unchecked: "m")), replicas: replicas,
          Self.requester)))
  }

  mutating func rollBack() -> [String] {
    tell(
      .catalog(
        .rollbackRequested(
          nextRequest(), QualifiedName(.default, ModuleName(unchecked: "m")), to: nil,
          Self.requester)))
  }

  func placement(_ generation: Int) -> PlacementID {
    PlacementID(
      QualifiedName(.default, ModuleName(unchecked: "m")), generation: generation)
  }

  mutating func undeploy() -> [String] {
    tell(
      .catalog(
        .undeploymentRequested(
          nextRequest(), .module(ModuleName(unchecked: "m")), Self.requester)))
  }

  mutating func invoke(_ options: InvocationOptions = InvocationOptions()) -> [String] {
    let name = QualifiedName(.default, ModuleName(unchecked: "m"))
    let request = nextRequest()
    asked.append(request)
    return tell(.invocationRequested(request, InvocationWish(name, options)))
  }

  /// Asks for a module; whoever would have to wait goes away again.
  mutating func probe() -> [String] {
    let texts = invoke()
    guard texts.isEmpty, let request = asked.last else { return texts }
    _ = tell(.invocationWithdrawn(request))
    return ["it waits"]
  }

  /// Whether an attempt is still waited for.
  func isUnderWay(_ attempt: Int) -> Bool {
    let (request, route) = invocations[attempt]
    return logic.balancer.route(of: request) == route
  }

  /// An attempt of an invocation ends.
  mutating func end(_ attempt: Int, _ end: InvocationEnd) -> [String] {
    let (request, route) = invocations[attempt]
    return tell(.invocationEnded(request, route, end))
  }

  /// The newest attempt of an invocation ends.
  mutating func end(_ end: InvocationEnd) -> [String] { self.end(invocations.count - 1, end) }

  mutating func emit() -> [String] {
    let event = Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: "t"))
    return tell(.events(.eventReceived(nextRequest(), event, data: nil, .local)))
  }

  mutating func command(_ command: NodeCommand, _ name: String) -> [String] {
    tell(.nodeCommanded(nextRequest(), Self.node(name), command, Self.requester))
  }

  mutating func die(_ name: String, _ evidence: DeathEvidence, incarnation: UInt64 = 1)
    -> [String]
  {
    tell(.agentDied(Self.node(name), Incarnation(incarnation), evidence))
  }

  /// The announcements since the last time, as text.
  mutating func news() -> [String] {
    defer { announced = [] }
    return announced.map { "\($0.type.rawValue) \($0.target)" }
  }
}
