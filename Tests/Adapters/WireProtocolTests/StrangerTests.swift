import ClusterModel
import HostPorts
import Testing

@testable import WireProtocol

/// Who is not let in.
@Suite(.timeLimit(.minutes(10)))
struct StrangerTests {
  @Test func `whoever names another node than its certificate is not let in`() async throws {
    let wire = try await TestWire()
    let remote = try wire.remote("press-8")
    do {
      _ = try await remote.open(TestAgent(), from: WireTests.node, Incarnation(1))
      Issue.record("its certificate is of another node")
    } catch {
      #expect(error.code == "attach_refused")
      #expect(error.cause?.contains("press-8") == true)
    }
    await wire.stop()
  }

  @Test func `an expired certificate is refused`() async throws {
    let wire = try await TestWire()
    let expired = try wire.authority.identity(
      "press-7", dns: PlaneName.node(WireTests.node), expiresIn: -10)
    await #expect(throws: Problem.self) {
      try await wire.remote(expired).open(TestAgent(), from: WireTests.node, Incarnation(1))
    }
    await wire.stop()
  }

  @Test func `an agent does not attach to another node that calls itself the control plane`()
    async throws
  {
    let wire = try await TestWire(dns: PlaneName.node(NodeID(unchecked: "press-8")))
    await #expect(throws: Problem.self) {
      try await wire.remote("press-7").open(TestAgent(), from: WireTests.node, Incarnation(1))
    }
    await wire.stop()
  }
}
