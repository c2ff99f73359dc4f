import ClusterModel
import HostPorts
import NodeTracking
import Supervision
import Synchronization
import Testing

@testable import ControlPlane

@Suite struct AgentLinksTests {
  private func heartbeat(_ node: String, _ sequence: UInt64) -> Heartbeat {
    Heartbeat(
      node: NodeID(unchecked: node), incarnation: Incarnation(1), sequence: sequence, progress: 0,
      isBusy: false, load: .idle)
  }

  @Test func `while nobody listens vital signs are lost`() {
    let links = AgentLinks()
    let heard = Mutex<[VitalSign]>([])
    links.take(.heartbeat(heartbeat("a", 1)))
    links.monitor { sign in heard.withLock { $0.append(sign) } }
    links.take(.heartbeat(heartbeat("a", 2)))
    links.died(NodeID(unchecked: "b"), Incarnation(3))
    links.stopMonitoring()
    links.take(.heartbeat(heartbeat("a", 3)))
    #expect(
      heard.withLock { $0 }
        == [.heartbeat(heartbeat("a", 2)), .death(NodeID(unchecked: "b"), Incarnation(3))])
  }

  @Test func `a node that is hung up on hears so, and that its way ends then is no news`()
    async throws
  {
    let (links, agent, node) = (AgentLinks(), IdleAgent(), NodeID(unchecked: "a"))
    let news = links.listen()
    let link = try links.open(agent, from: node)
    links.hangUp(on: node)
    #expect(agent.closings.withLock { $0 } == 1)
    #expect(links[node] == nil)
    links.close(link, from: node, Incarnation(1))
    links.take(.left(node, Incarnation(1)))
    var heard = news.makeAsyncIterator()
    guard case .message(.left)? = await heard.next() else {
      Issue.record("its end was told")
      return
    }
    // It may be let in again, with another certificate.
    _ = try links.open(agent, from: node)
    #expect(links[node] != nil)
    #expect(agent.closings.withLock { $0 } == 1)
  }
}

/// An agent that does nothing, and counts how often it was hung up on.
private final class IdleAgent: AgentConnection {
  let closings = Mutex(0)

  func closed() { closings.withLock { $0 += 1 } }
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
  func placementStatuses() async -> [PlacementStatus]? { [] }
  func distribution() async -> [DistributionStatus]? { [] }
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
