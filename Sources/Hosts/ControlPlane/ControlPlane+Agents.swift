import ClusterModel
import ControlPlaneLogic
import HostPorts
import Logging
import ModuleCatalog
import NodeTracking
import Scheduling
import Supervision

// Nodes and their agents.
extension ControlPlane {
  /// An agent has ended.
  func agentEnded(_ node: NodeID, _ incarnation: Incarnation, _ evidence: DeathEvidence) {
    feed(.agentDied(node, incarnation, evidence))
  }

  /// The same, of the agent that is known: whoever saw it end starts no other before this returns.
  func agentEnded(_ node: NodeID, _ evidence: DeathEvidence) {
    guard let known = logic.tracker.nodes[node] else { return }
    agentEnded(node, known.incarnation, evidence)
  }

  /// How long it takes from a node to where requests come in, and back.
  func measured(_ roundTrip: Duration, from node: NodeID) {
    let sample = RoundTripSample(
      to: .landmark(entry?.zone ?? .default), microseconds: roundTrip.nanoseconds / 1000)
    feed(.roundTripsMeasured(from: node, [sample]))
  }

  /// How long it takes from a node to others and to landmarks.
  func measured(_ samples: [RoundTripSample], from node: NodeID) {
    feed(.roundTripsMeasured(from: node, samples))
  }

  func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    try await blobs.get(digest)
  }

  /// The nodes of whom an answer can be expected: those that are not silent.
  var answering: Set<NodeID> {
    Set(
      logic.tracker.nodes.values.lazy.filter { $0.state != .suspect && $0.state != .unavailable }
        .map(\.id))
  }

  /// The nodes on which something may be held, whether or not they say so: all but those whose agent is known to have
  /// ended.
  private var holding: Set<NodeID> {
    Set(logic.tracker.nodes.values.lazy.filter { $0.loss?.isCertain != true }.map(\.id))
  }

  /// Asks those of whom an answer can be expected, and names all others on which something may be held.
  private func gather<Item: Sendable>(
    _ question: @escaping @Sendable (any AgentConnection) async -> [Item]?
  ) async -> FleetAnswer<Item> {
    let holders = holding
    let answers = await links.ask(answering, question)
    let heard = Set(answers.filter { $0.answer != nil }.map(\.node))
    // Those that have ended meanwhile hold nothing any more, and those that came meanwhile were not asked.
    let unanswered = holders.subtracting(heard).intersection(holding)
    return FleetAnswer(
      items: answers.flatMap { $0.answer ?? [] }, unanswered: unanswered.sorted())
  }

  func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus] {
    var facts: [NodeID: NodeFacts] = [:]
    for (node, answer) in await links.ask(answering, { await $0.facts() }) { facts[node] = answer }
    return logic.tracker.inventory(at: clock.now()).map { node in
      NodeStatus(
        node: node, state: logic.tracker.nodes[node.id]?.state ?? .unavailable,
        reason: logic.tracker.nodes[node.id]?.reason,
        scheduling: logic.scheduling(of: node.id) ?? .open, isDrained: logic.isDrained(node.id),
        breaker: logic.breaker(of: node.id),
        punctuality: logic.tracker.nodes[node.id]?.registration.punctuality ?? .ordinary,
        engine: facts[node.id]?.engine, startedAt: facts[node.id]?.startedAt,
        roundTrips: logic.roundTrips.all(from: node.id, at: clock.now().monotonic),
        version: links[node.id]?.programVersion)
    }
  }

  func command(
    _ command: NodeCommand, _ node: NodeID, by caller: Caller
  ) async throws(Problem) -> NodeScheduling? {
    try requireRunning()
    let request = requestIDs.next()
    switch await reply(
      to: request, watching: nil, .nodeCommanded(request, node, command, caller.requester))
    {
    case .node(_, let scheduling): return scheduling
    case .refused(let problem): throw problem
    case .catalog: throw Self.unexpected
    }
  }

  func killService(
    _ module: ModuleName, of application: ApplicationName, by caller: Caller
  ) async throws(Problem) {
    let name = QualifiedName(caller.namespace, module)
    var isKilled = false
    if logic.catalog.placed[name]?.deployment.application == application {
      isKilled = await links.ask(answering) { await $0.killService(name) }.contains { $0.answer }
    }
    guard isKilled else {
      throw Problem(
        .notFound, code: "no_such_child", "no service runs at \(application)/\(module)",
        next: "See which do with `wasmatrix ps`.")
    }
  }

  func disturb(
    _ node: NodeID, _ disturbance: NodeDisturbance, by caller: Caller
  ) async throws(Problem) {
    let agent = try agent(of: node)
    logger.notice(
      "a node is broken on purpose",
      metadata: [
        "node": "\(node)", "how": "\(disturbance)", "by": "\(caller.principal.name)",
      ])
    try await agent.disturb(disturbance)
  }

  func supervision(
    of node: NodeID, for caller: Caller
  ) async throws(Problem) -> SupervisionStatus {
    try await agent(of: node).supervision()
  }

  func kill(child path: String, on node: NodeID, by caller: Caller) async throws(Problem) {
    let agent = try agent(of: node)
    logger.notice(
      "a part of a node is killed on purpose",
      metadata: ["node": "\(node)", "child": "\(path)", "by": "\(caller.principal.name)"])
    try await agent.kill(child: path)
  }

  private func agent(of node: NodeID) throws(Problem) -> any AgentConnection {
    if let agent = links[node] { return agent }
    throw Problem(
      .unavailable, code: "node_unreachable", "node \(node) is not attached",
      next: "See which are with `wasmatrix nodes`.")
  }

  func placements(for caller: Caller) async throws(Problem) -> FleetAnswer<PlacementStatus> {
    await gather { await $0.placementStatuses() }
  }

  func distribution(
    of module: ModuleName?, for caller: Caller
  ) async throws(Problem) -> FleetAnswer<DistributionStatus> {
    let answer = await gather { await $0.distribution() }
    let items = answer.items.filter { status in
      status.placement.name.namespace == caller.namespace
        && (module == nil || status.placement.name.name == module)
    }
    return FleetAnswer(
      items: items.sorted { ($0.placement, $0.node) < ($1.placement, $1.node) },
      unanswered: answer.unanswered)
  }
}
