import ClusterModel
import ControlPlane
import HostPorts
import Supervision
import Testing

/// What is said of nodes that do not say what they hold.
@Suite(.timeLimit(.minutes(5))) struct UnansweredNodesTests {
  private static let mute = NodeID(unchecked: "mute")

  /// A node whose agent is there, and answers nothing that it is asked.
  private func attach(to cluster: TestCluster) async throws -> AgentLinkID {
    let registration = NodeRegistration(
      node: Self.mute, incarnation: Incarnation(1), location: NodeLocation(zone: .default),
      capabilities: try NodeCapabilities(
        architectures: [.x86_64], memory: .mebibytes(1), cpuCores: 1))
    let connection = cluster.plane.connection
    let link = try await connection.open(MuteAgent(), from: Self.mute, Incarnation(1))
    connection.send(
      .attached(
        registration,
        NodeReport(
          node: Self.mute, incarnation: Incarnation(1), sequence: 1, plan: .zero,
          placements: [])))
    try await eventually("it is a node") { try await status(cluster)?.state == .healthy }
    return link.id
  }

  private func status(_ cluster: TestCluster) async throws -> NodeStatus? {
    try await cluster.plane.nodes(for: cluster.caller).first { $0.node.id == Self.mute }
  }

  @Test func `whoever does not say what it holds is named until it is known to hold nothing`()
    async throws
  {
    let cluster = try await TestCluster.start(engine: ScriptedEngine { .success($0.input) })
    try await cluster.deploy("m", "1", Wat.trap)
    #expect(try await cluster.plane.placements(for: cluster.caller).unanswered == [])
    let link = try await attach(to: cluster)
    let placements = try await cluster.plane.placements(for: cluster.caller)
    #expect(placements.unanswered == [Self.mute])
    #expect(placements.items.map(\.node.text) == ["local"], "others are shown all the same")
    let distribution = try await cluster.plane.distribution(of: nil, for: cluster.caller)
    #expect(distribution.unanswered == [Self.mute])
    #expect(distribution.items.map(\.node.text) == ["local"])
    // Its process may live on. It is not asked, as there is no way to it.
    await cluster.plane.connection.close(link, from: Self.mute, Incarnation(1))
    try await eventually("it is lost") { try await status(cluster)?.state == .unavailable }
    #expect(try await status(cluster)?.reason == .connectionClosed)
    #expect(try await cluster.plane.placements(for: cluster.caller).unanswered == [Self.mute])
    await cluster.plane.witnessDeath(of: Self.mute)
    #expect(try await cluster.plane.placements(for: cluster.caller).unanswered == [])
    let after = try await cluster.plane.distribution(of: nil, for: cluster.caller)
    #expect(after.unanswered == [])
    await cluster.stop()
    cluster.remove()
  }
}

/// An agent that beats for others, and is frozen for whoever asks it something.
private struct MuteAgent: AgentConnection {
  func closed() {}
  func send(_ message: ControlMessage) {}
  func run(
    _ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport { ActivationReport(result: .success([])) }
  func facts() async -> NodeFacts {
    NodeFacts(
      engine: EngineFacts(
        libraryVersion: "50", architecture: "x86_64", cpuFeatures: [], workers: 1, instanceSlots: 1,
        liveInstances: 0, queuedActivations: 0),
      startedAt: WallInstant(microseconds: 0))
  }
  func placementStatuses() async -> [PlacementStatus]? { nil }
  func distribution() async -> [DistributionStatus]? { nil }
  func killService(_ module: QualifiedName) async -> Bool { false }
  func disturb(_ disturbance: NodeDisturbance) async throws(Problem) {}
  func supervision() async throws(Problem) -> SupervisionStatus {
    throw Problem(.notFound, code: "no_such_child", "it has no parts")
  }
  func kill(child path: String) async throws(Problem) {}
  func logLines(of module: QualifiedName) async -> [LogLine] { [] }
  func followLog(of module: QualifiedName) async throws(Problem) -> AsyncStream<LogLine> {
    AsyncStream { $0.finish() }
  }
}
