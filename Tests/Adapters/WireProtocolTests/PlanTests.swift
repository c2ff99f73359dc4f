import ClusterModel
import HostPorts
import Synchronization
import Testing
import WireMessages

@testable import WireProtocol

/// Plans on their way to an agent.
@Suite(.timeLimit(.minutes(10)))
struct PlanTests {
  private static let node = WireTests.node

  /// A plan in which a node holds so many modules, with roles by their number.
  private static func plan(_ counter: UInt64, _ generations: [Int]) -> NodePlan {
    let digest = TestModule.digest(of: [1])
    let wall = WallInstant(microseconds: 5)
    let version = ModuleVersion(unchecked: "1")
    let module = ModuleName(unchecked: "m")
    return NodePlan(
      node: node, incarnation: Incarnation(1), version: PlanVersion(term: 1, counter: counter),
      orders: generations.map { generation in
        PlacementOrder(
          deployment: Deployment(
            namespace: .default, application: ApplicationName(unchecked: "app"), name: module,
            version: version, digest: digest, configuration: DeploymentConfiguration(),
            generation: generation, deployedAt: wall),
          record: ModuleVersionRecord(
            namespace: .default, name: module, version: version, digest: digest,
            size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: wall,
            pushedBy: .local),
          role: counter % 2 == 0 ? .active : .fallback,
          fence: PlanVersion(term: 1, counter: counter))
      })
  }

  @Test func `plans arrive as they were made, whatever was sent before them`() async throws {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, link) = try await WireTests.attach(wire, agent)
    let plans = [[1, 2], [1, 2, 3], [3], [1, 2, 3], []].enumerated().map {
      ControlMessage.plan(Self.plan(UInt64($0.offset + 1), $0.element))
    }
    for plan in plans { wire.plane.agent(Self.node.text)?.send(plan) }
    try await until { agent.heard.withLock { $0.messages.count == plans.count } }
    #expect(agent.heard.withLock { $0.messages } == plans)
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `large plans arrive, and what is sent after them`() async throws {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, link) = try await WireTests.attach(wire, agent)
    let plans = [Array(1...3000), [], Array(2000...4000), [7]].enumerated().map {
      ControlMessage.plan(Self.plan(UInt64($0.offset + 1), $0.element))
    }
    for plan in plans { wire.plane.agent(Self.node.text)?.send(plan) }
    try await until { agent.heard.withLock { $0.messages.count == plans.count } }
    #expect(agent.heard.withLock { $0.messages } == plans)
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `what a plan said before is not sent again, but to agents that forget it`() throws {
    var memory: OrderMemory? = OrderMemory()
    var none: OrderMemory?
    let documents = OrderDocuments()
    for counter in 1...3 {
      let wire = try WireNodePlan(Self.plan(UInt64(counter), [1, 2]), &memory, documents)
      #expect(wire.orders.allSatisfy { $0.hasKnown == (counter > 1) })
      let whole = try WireNodePlan(Self.plan(UInt64(counter), [1, 2]), &none, documents)
      #expect(whole.orders.allSatisfy { !$0.hasKnown && !$0.deploymentJson.isEmpty })
    }
    var fresh = OrderMemory()
    let wire = try WireNodePlan(Self.plan(4, [2]), &memory, documents)
    #expect(throws: WireFault.self) { try wire.plan(&fresh) }
  }
}
