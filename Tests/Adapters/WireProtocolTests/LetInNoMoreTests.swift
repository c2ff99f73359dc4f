import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import WireProtocol

/// Agents that are attached, and whose nodes would not be let in any more.
@Suite(.timeLimit(.minutes(10)))
struct LetInNoMoreTests {
  /// Lets nodes in until it is told otherwise.
  private final class Door: Sendable {
    let refusal = Mutex<Problem?>(nil)
    /// When everybody is forgotten.
    let closesAt = Mutex<ContinuousClock.Instant?>(nil)

    func admit(_ der: [UInt8]) throws(Problem) -> NodeID {
      if let time = closesAt.withLock({ $0 }), time <= .now { throw LetInNoMoreTests.forgotten }
      if let problem = refusal.withLock({ $0 }) { throw problem }
      return try TestAuthority.admit(der)
    }
  }

  private static let forgotten = Problem(.refused, code: "node_forgotten", "it was forgotten")
  private static let restarting = Problem(.unavailable, code: "restarting", "it is not there")
  private static let report = NodeReport(
    node: WireTests.node, incarnation: Incarnation(1), sequence: 1, plan: .zero, placements: [])

  private static func attached() throws -> AgentMessage {
    .attached(
      NodeRegistration(
        node: WireTests.node, incarnation: Incarnation(1), location: NodeLocation(zone: .default),
        capabilities: try NodeCapabilities(
          architectures: [.x86_64], memory: .gibibytes(1), cpuCores: 1)),
      report)
  }

  private static func wire(behind door: Door) async throws -> TestWire {
    try await TestWire(admit: { (der) throws(Problem) in try door.admit(der) })
  }

  private static func refusal(of remote: RemoteControlPlane) async -> Problem? {
    do throws(Problem) {
      _ = try await remote.open(TestAgent(), from: WireTests.node, Incarnation(1))
      return nil
    } catch {
      return error
    }
  }

  @Test func `one that says that it is attached is looked at again, and hung up on`() async throws {
    let door = Door()
    let wire = try await Self.wire(behind: door)
    let agent = TestAgent()
    let (remote, _) = try await WireTests.attach(wire, agent)
    door.refusal.withLock { $0 = Self.forgotten }
    remote.send(try Self.attached())
    try await until { agent.heard.withLock { $0.hasClosed } }
    try await until { wire.plane.heard.withLock { $0.closed == [WireTests.node] } }
    #expect(wire.plane.heard.withLock { $0.messages.isEmpty })
    #expect(await Self.refusal(of: remote)?.code == "attach_refused")
    await wire.stop()
  }

  @Test func `while nobody can look it is not hung up on, and says so again`() async throws {
    let door = Door()
    let wire = try await Self.wire(behind: door)
    let agent = TestAgent()
    let (remote, link) = try await WireTests.attach(wire, agent)
    door.refusal.withLock { $0 = Self.restarting }
    remote.send(try Self.attached())
    remote.send(.reported(Self.report))
    try await until { wire.plane.heard.withLock { !$0.messages.isEmpty } }
    #expect(wire.plane.heard.withLock { $0.messages } == [.reported(Self.report)])
    door.refusal.withLock { $0 = nil }
    remote.send(try Self.attached())
    try await until { wire.plane.heard.withLock { $0.messages.count == 2 } }
    #expect(!agent.heard.withLock { $0.hasClosed })
    await remote.close(link, from: WireTests.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `while nobody can look an agent is not refused, but comes again`() async throws {
    let door = Door()
    let wire = try await Self.wire(behind: door)
    door.refusal.withLock { $0 = Self.restarting }
    let remote = try wire.remote("press-7")
    #expect(await Self.refusal(of: remote)?.category == .unavailable)
    await wire.stop()
  }

  @Test func `one whose certificate has expired is looked at, though it says nothing`()
    async throws
  {
    let door = Door()
    let wire = try await Self.wire(behind: door)
    let agent = TestAgent()
    // The door closes before that, however long it takes to attach: who is looked at then is refused.
    door.closesAt.withLock { $0 = .now + .seconds(18) }
    let shortlived = try wire.authority.identity(
      "press-7", dns: PlaneName.node(WireTests.node), expiresIn: 20)
    let remote = wire.remote(shortlived)
    _ = try await remote.open(agent, from: WireTests.node, Incarnation(1))
    try await until { agent.heard.withLock { $0.hasClosed } }
    try await until { wire.plane.heard.withLock { $0.closed == [WireTests.node] } }
    await wire.stop()
  }

  @Test func `nothing that comes over a way that was closed counts`() async throws {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, _) = try await WireTests.attach(wire, agent)
    wire.plane.agent("press-7")?.closed()
    remote.send(.left(WireTests.node, Incarnation(1)))
    try await until { agent.heard.withLock { $0.hasClosed } }
    try await until { wire.plane.heard.withLock { $0.closed == [WireTests.node] } }
    #expect(wire.plane.heard.withLock { $0.messages.isEmpty })
    await wire.stop()
  }
}
