import ClusterModel
import HostPorts
import Supervision

/// The way to an agent in the same process.
struct LocalAgentConnection: AgentConnection {
  let agent: NodeAgent

  func send(_ message: ControlMessage) { agent.take(message) }

  func closed() { Task { await agent.linkClosed() } }

  func run(
    _ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport {
    if let ready = agent.placement(placement, under: fence) {
      return await agent.run(ready, under: fence, on: event, attempt: attempt)
    }
    return await agent.run(placement, under: fence, on: event, attempt: attempt)
  }

  func facts() async -> NodeFacts { agent.facts }
  func placementStatuses() async -> [PlacementStatus]? { await agent.placementStatuses }
  func distribution() async -> [DistributionStatus]? { await agent.distribution }
  func killService(_ module: QualifiedName) async -> Bool { await agent.killService(module) }
  func disturb(_ disturbance: NodeDisturbance) async throws(Problem) {
    throw Problem(
      .conflict, code: "node_in_process",
      "this node is in the process of the control plane, which would be broken with it",
      next: "Start nodes as processes: `wasmatrix dev --nodes 3`.")
  }
  func supervision() async throws(Problem) -> SupervisionStatus { throw Self.inServer }
  func kill(child path: String) async throws(Problem) { throw Self.inServer }

  private static let inServer = Problem(
    .conflict, code: "node_in_process",
    "this node is in the process of the control plane, and its parts are in the tree of that",
    next: "See it with `wasmatrix doctor`, and leave out --node.")
  func logLines(of module: QualifiedName) async -> [LogLine] { agent.logs.lines(of: module) }
  func followLog(of module: QualifiedName) async throws(Problem) -> AsyncStream<LogLine> {
    try agent.logs.follow(module)
  }
}
