import ClusterModel
import ControlPlaneLogic
import NodeAgentLogic

/// Looks at what really happens, without asking the logics what they think, and fails when it may not
/// be so.
struct Checker {
  private(set) var failures: [String] = []
  /// Every plan that was ever sent: what it says never changes.
  private var plans: [NodeID: [PlanVersion: NodePlan]] = [:]
  private var lastTerm: UInt64 = 0
  /// When each standing plan was made last.
  private var madeAt: [NodeID: [PlanVersion: Int64]] = [:]
  /// Who serves what must have no more than its replicas: by module, by node.
  private var exclusive: [QualifiedName: [NodeID: PlacementID]] = [:]
  private var replicas: [PlacementID: Int] = [:]
  /// The newest fence under which something that only one may do was ever begun, and where.
  private var newestFences: [QualifiedName: (fence: PlanVersion, node: NodeID)] = [:]
  /// The newest act of each such module that was let through.
  private var newestActs: [QualifiedName: (fence: PlanVersion, node: NodeID)] = [:]

  mutating func fail(_ what: String, _ world: World) {
    world.note("FAILED: \(what)")
    failures.append("at \(History.time(world.timeline.now)): \(what)")
  }

  // Plans.

  mutating func planSent(_ message: ControlMessage, _ world: World) {
    if message.term < lastTerm { fail("term \(message.term) follows \(lastTerm)", world) }
    lastTerm = max(lastTerm, message.term)
    if message.term > world.store.term {
      fail("term \(message.term) is used and not durable", world)
    }
    if case .standing(_, let sealed, _) = message { standingSent(sealed.plan, world) }
    guard case .plan(let plan) = message else { return }
    if let known = plans[plan.node]?[plan.version], known != plan {
      fail("plan \(plan.version) of \(plan.node) has changed", world)
    }
    plans[plan.node, default: [:]][plan.version] = plan
  }

  /// A standing plan says what the plan of its version says.
  private mutating func standingSent(_ standing: StandingPlan, _ world: World) {
    if plans[standing.node]?[standing.version]?.orders != standing.orders {
      fail("the standing plan \(standing.version) of \(standing.node) is not its plan", world)
    }
    madeAt[standing.node, default: [:]][standing.version] = world.timeline.now
  }

  /// What begins before its plan is what that plan says, if it was made.
  mutating func beginsBeforeItsPlan(_ route: Route, _ agent: SimulatedAgent, _ world: World) {
    guard let order = agent.prepared[route.placement] else {
      fail("\(agent.node) begins \(route.placement.name), which is not ready there", world)
      return
    }
    if order.deployment.configuration.placement.isolation == .stop {
      fail("\(agent.node) begins \(route.placement.name) without a lease", world)
    }
    let planned = (plans[agent.node] ?? [:]).values.lazy.flatMap(\.orders).first {
      $0.placement == route.placement && $0.fence == route.fence
    }
    if let planned, planned.role != .active || planned.deployment != order.deployment {
      fail("\(agent.node) begins \(route.placement.name) otherwise than it is planned", world)
    }
  }

  /// A node begins to obey its standing plan: not an old one, and none that is over. Clocks are off by 4 s at the
  /// most in these worlds.
  mutating func obeysAlone(_ version: PlanVersion, _ index: Int, _ world: World) {
    let agent = world.agents[index]
    if version < agent.remembered {
      fail("\(agent.node) obeys \(version) alone, and obeyed \(agent.remembered)", world)
    }
    let life = world.configuration.standingPlanLife.nanosecondCount + 4_100_000_000
    if let made = madeAt[agent.node]?[version], world.timeline.now - made > life {
      fail("\(agent.node) obeys \(version) alone, which is over", world)
    }
  }

  /// After everything an agent does: what it does is what a plan said, and never what an older one did.
  mutating func agentChanged(_ index: Int, _ world: World) {
    let agent = world.agents[index]
    let plan = agent.isUp ? agent.logic.plan : .zero
    if agent.isUp {
      if plan < agent.obeyed { fail("\(agent.node) went back to plan \(plan)", world) }
      if plan > agent.obeyed {
        world.agents[index].obeyed = plan
        checkObeyed(agent, plan, world)
      }
    }
    checkServing(agent, plan, world)
    checkCapacity(agent, world)
    checkExclusive(agent, world)
  }

  private mutating func checkObeyed(_ agent: SimulatedAgent, _ version: PlanVersion, _ world: World)
  {
    guard let plan = plans[agent.node]?[version] else {
      fail("\(agent.node) obeys plan \(version), which was never made", world)
      return
    }
    let held = agent.logic.report.placements
    let same =
      held.map(\.placement) == plan.orders.map(\.placement)
      && held.map(\.fence) == plan.orders.map(\.fence)
      && held.map(\.role) == plan.orders.map(\.role)
    if !same { fail("\(agent.node) does not hold what plan \(version) says", world) }
  }

  private mutating func checkServing(
    _ agent: SimulatedAgent, _ plan: PlanVersion, _ world: World
  ) {
    guard !agent.serving.isEmpty else { return }
    let orders = plans[agent.node]?[plan]?.orders ?? []
    for (placement, fence) in agent.serving {
      guard let order = orders.first(where: { $0.placement == placement }) else {
        fail("\(agent.node) serves \(placement.name), which its plan does not hold", world)
        continue
      }
      if order.role != .active { fail("\(agent.node) serves a \(order.role) placement", world) }
      if order.fence != fence { fail("\(agent.node) serves under a replaced fence", world) }
      if agent.prepared[placement]?.deployment != order.deployment {
        fail("\(agent.node) serves \(placement.name), which is not ready there", world)
      }
    }
  }

  /// What is reserved never exceeds what there is, by its own count: for the plan, and beside it by hand.
  private mutating func checkCapacity(_ agent: SimulatedAgent, _ world: World) {
    guard agent.isUp, !agent.orders.isEmpty else { return }
    var reserved: [QualifiedName: Int] = [:]
    for held in agent.logic.report.placements where held.role != .retained {
      guard let order = agent.orders[held.placement] else { continue }
      let memory = order.deployment.configuration.reservedMemory.bytes
      reserved[held.placement.name] = max(reserved[held.placement.name] ?? 0, memory)
    }
    for (name, order) in agent.hands {
      let memory = order.deployment.configuration.reservedMemory.bytes
      reserved[name] = max(reserved[name] ?? 0, memory)
    }
    let sum = reserved.values.reduce(0, +)
    if sum > agent.capabilities.memory.bytes {
      fail("\(agent.node) holds more than it has room for: \(sum)", world)
    }
  }

  /// What must stop when isolated never serves in more places than it has replicas.
  private mutating func checkExclusive(_ agent: SimulatedAgent, _ world: World) {
    var changed: [QualifiedName] = []
    for name in exclusive.keys where exclusive[name]?[agent.node] != nil {
      exclusive[name]?[agent.node] = nil
    }
    guard agent.isUp, !agent.isFrozen else { return }
    for placement in agent.serving.keys {
      guard let order = agent.orders[placement],
        order.deployment.configuration.placement.isolation == .stop
      else { continue }
      replicas[placement] = order.deployment.configuration.placement.replicas
      exclusive[placement.name, default: [:]][agent.node] = placement
      changed.append(placement.name)
    }
    for name in changed.sorted() {
      let serving = exclusive[name] ?? [:]
      let allowed = serving.values.compactMap { replicas[$0] }.max() ?? 0
      if allowed == 1, let placement = serving[agent.node] {
        checkFence(of: placement, agent, world)
      }
      if serving.count > allowed {
        let nodes = serving.keys.sorted().map(\.text).joined(separator: ", ")
        fail("\(name) may serve \(allowed) times and serves on \(nodes)", world)
      }
    }
  }

  /// Whoever begins does so under a newer fence than whoever came before, so that others can tell them apart.
  private mutating func checkFence(
    of placement: PlacementID, _ agent: SimulatedAgent, _ world: World
  ) {
    guard let fence = agent.serving[placement] else { return }
    let name = placement.name
    if let newest = newestFences[name], fence <= newest.fence,
      fence < newest.fence || agent.node != newest.node
    {
      fail(
        "\(name) serves on \(agent.node) under fence \(fence), after \(newest.node) under "
          + "\(newest.fence)", world)
    }
    newestFences[name] = (fence, agent.node)
  }

  /// What only one may do is never let through after another has done something.
  mutating func acts(
    _ placement: PlacementID, under fence: PlanVersion, on node: NodeID, _ world: World
  ) {
    guard replicas[placement] == 1 else {
      newestActs[placement.name] = nil
      return
    }
    let newest = newestActs[placement.name]
    if let newest, fence < newest.fence, node != newest.node {
      fail(
        "\(placement.name) acts on \(node) under fence \(fence), after \(newest.node) under "
          + "\(newest.fence)", world)
    }
    if newest.map({ $0.fence < fence }) ?? true { newestActs[placement.name] = (fence, node) }
  }

  // Stores.

  /// Nothing of an old logic is written once a new one has read what is there.
  mutating func storeIsWritten(by life: Int, _ world: World) {
    if world.plane != nil, life != world.logicLife {
      fail("life \(life) of the logic writes in spite of life \(world.logicLife)", world)
    }
  }

  // Placements.

  /// Nothing is placed where it may not run. What hands want there is their own affair.
  mutating func prepareBegan(_ order: PlacementOrder, _ index: Int, _ world: World) {
    if !order.isByHand { checkRules(order, index, world) }
    let name = QualifiedName(order.record.namespace, order.record.name)
    if order.record.version != order.deployment.version || name != order.deployment.qualifiedName {
      fail("\(order.placement.name) is placed with the record of another version", world)
    }
  }

  private mutating func checkRules(_ order: PlacementOrder, _ index: Int, _ world: World) {
    let node = world.agents[index].capabilities
    let rules = order.deployment.configuration.placement
    var wrong: [String] = []
    if !rules.architectures.isEmpty,
      !rules.architectures.contains(where: node.architectures.contains)
    {
      wrong.append("architecture")
    }
    if !rules.cpuFeatures.allSatisfy(node.cpuFeatures.contains) { wrong.append("cpu features") }
    if !rules.hardware.allSatisfy(node.specializedHardware.contains) { wrong.append("hardware") }
    if !rules.labels.allSatisfy(node.labels.contains) { wrong.append("labels") }
    if order.deployment.configuration.reservedMemory > node.memory { wrong.append("memory") }
    if !wrong.isEmpty {
      fail(
        "\(order.placement.name) is placed on \(world.agents[index].node) in spite of its "
          + wrong.joined(separator: ", "), world)
    }
  }

  /// What is ready at once really is, with the same code.
  mutating func renewed(
    _ order: PlacementOrder, from source: PlacementOrder?, _ index: Int, _ world: World
  ) {
    prepareBegan(order, index, world)
    if source?.code != order.code {
      fail(
        "\(world.agents[index].node) takes \(order.placement.name) for ready without its code",
        world)
    }
  }

  // Reports.

  /// What is reported is what is. What hands hold is in no report.
  mutating func reported(_ message: AgentMessage, _ index: Int, _ world: World) {
    let report: NodeReport
    switch message {
    case .attached(_, let attached): report = attached
    case .reported(let reported): report = reported
    case .heartbeat, .left: return
    }
    let agent = world.agents[index]
    for held in report.placements {
      // A failure stands for the plan, although a hand has had it made ready since.
      if case .failed = held.condition, agent.isHeldByHand(held.placement) { continue }
      let isReady = agent.prepared[held.placement].map { held.isOf($0.deployment) } ?? false
      if (held.condition == .ready) != isReady {
        fail("\(agent.node) reports \(held.placement.name) as \(held.condition)", world)
      }
    }
    for placement in agent.prepared.keys.sorted()
    where !agent.isHeldByHand(placement)
      && !report.placements.contains(where: { $0.placement == placement })
    {
      fail("\(agent.node) does not report \(placement.name), which it holds", world)
    }
  }

  // Lifecycle.

  private var announced: Set<String> = []
  private var states: [String: String] = [:]

  /// Every change is announced once, and follows from the one before it.
  mutating func announced(_ event: EventMessage, _ world: World) {
    if !announced.insert(event.id).inserted { fail("\(event.id) is announced twice", world) }
    switch event.type {
    case .nodeState, .nodeFailure:
      guard case .string(let to) = event.payload["to"] else { return }
      let key = "\(world.logicLife) \(event.target)"
      // From nothing: it was forgotten, and is there again.
      if let known = states[key], let from = event.payload["from"], from != .null,
        from != .string(known)
      {
        fail("\(event.target) is announced as \(to) from another state than \(known)", world)
      }
      states[key] = to
    case .moduleStart, .moduleStop, .moduleFailure, .scaleEvent, .deploymentChange, .alarm,
      .nodeFailover:
      break
    }
  }
}
