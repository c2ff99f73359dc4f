public import ClusterModel
import ControlPlaneLogic
public import HostPorts
import ModuleCatalog
import NodeTracking

// The ways to and from agents in the same process.
extension ControlPlane {
  /// How agents in this process reach it.
  public nonisolated var connection: any ControlPlaneConnection {
    LocalControlPlaneConnection(plane: self)
  }

  func connect(_ agent: any AgentConnection, _ node: NodeID) throws(Problem) {
    try requireRunning()
    agents[node] = agent
  }

  func disconnect(_ node: NodeID, _ incarnation: Incarnation) {
    agents[node] = nil
    guard phase != .stopping else { return }
    feed(.agentDied(node, incarnation, .connectionClosed))
  }

  func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    try await blobs.get(digest)
  }

  public func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus] {
    var statuses: [NodeStatus] = []
    for node in logic.tracker.inventory(at: clock.now()) {
      let facts = await agents[node.id]?.facts()
      statuses.append(
        NodeStatus(
          node: node, state: logic.tracker.nodes[node.id]?.state ?? .unavailable,
          scheduling: logic.scheduling(of: node.id) ?? .open, engine: facts?.engine,
          startedAt: facts?.startedAt))
    }
    return statuses
  }

  public func command(
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

  public func placements(for caller: Caller) async throws(Problem) -> [PlacementStatus] {
    var statuses: [PlacementStatus] = []
    for node in agents.keys.sorted() {
      if let agent = agents[node] { statuses += await agent.placementStatuses() }
    }
    return statuses
  }
}

private struct LocalControlPlaneConnection: ControlPlaneConnection {
  let plane: ControlPlane

  func open(_ agent: any AgentConnection, from node: NodeID) async throws(Problem) {
    try await plane.connect(agent, node)
  }

  func send(_ message: AgentMessage) { plane.letters.yield(message) }

  func close(_ node: NodeID, _ incarnation: Incarnation) async {
    await plane.disconnect(node, incarnation)
  }

  func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    try await plane.module(digest)
  }

  func trustedKeys() async throws(Problem) -> [TrustedKey] { await plane.logic.catalog.allKeys }
}
