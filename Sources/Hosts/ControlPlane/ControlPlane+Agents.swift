import ClusterModel
import ControlPlaneLogic
import HostPorts
import ModuleCatalog
import NodeTracking

// Nodes and their agents.
extension ControlPlane {
  /// An agent has ended.
  func agentEnded(_ node: NodeID, _ incarnation: Incarnation, _ evidence: DeathEvidence) {
    feed(.agentDied(node, incarnation, evidence))
  }

  func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    try await blobs.get(digest)
  }

  func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus] {
    var statuses: [NodeStatus] = []
    for node in logic.tracker.inventory(at: clock.now()) {
      let facts = await links[node.id]?.facts()
      statuses.append(
        NodeStatus(
          node: node, state: logic.tracker.nodes[node.id]?.state ?? .unavailable,
          scheduling: logic.scheduling(of: node.id) ?? .open, engine: facts?.engine,
          startedAt: facts?.startedAt))
    }
    return statuses
  }

  func command(
    _ command: NodeCommand, _ node: NodeID, by caller: Caller
  ) async throws(Problem) -> NodeScheduling? {
    try requireRunning()
    let request = requests.next()
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
      for link in links.all where await link.agent.killService(name) { isKilled = true }
    }
    guard isKilled else {
      throw Problem(
        .notFound, code: "no_such_child", "no service runs at \(application)/\(module)",
        next: "See which do with `wasmatrix ps`.")
    }
  }

  func placements(for caller: Caller) async throws(Problem) -> [PlacementStatus] {
    var statuses: [PlacementStatus] = []
    for link in links.all { statuses += await link.agent.placementStatuses() }
    return statuses
  }
}
