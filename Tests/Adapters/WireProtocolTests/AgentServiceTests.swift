import ClusterModel
import GRPCCore
import HostPorts
import Synchronization
import Testing

@testable import WireProtocol

@Suite(.timeLimit(.minutes(10)))
struct AgentServiceTests {
  private static let module = QualifiedName(.default, ModuleName(unchecked: "m"))

  @Test func `a control plane says who calls an agent, in the name of the node that asks`()
    async throws
  {
    let wire = try await TestWire()
    let (remote, link) = try await WireTests.attach(wire, TestAgent())
    let caller = AgentCaller(token: "good", address: "10.0.0.1")
    // The node that it says it is does not count.
    let other = NodeID(unchecked: "other")
    let holder = try await remote.holder(
      of: caller, needing: .viewer, for: "GetMetrics", at: other)
    #expect(holder == TokenHolder(name: TokenName(unchecked: "t"), role: .invoker))
    let order = try await remote.orderByHand(Self.module, version: nil, for: caller, at: other)
    #expect(order.placement == WireTests.placement)
    #expect(order.deployment.version.text == "1.0.0")
    let version = ModuleVersion(unchecked: "2")
    let second = try await remote.orderByHand(
      Self.module, version: version, for: caller, at: other)
    #expect(second.deployment.version == version)
    try await remote.releaseByHand(Self.module, for: caller, at: other)
    #expect(
      wire.callers.heard.withLock { $0 } == [
        "GetMetrics viewer 10.0.0.1 press-7", "hold m - press-7", "hold m 2 press-7",
        "release m press-7",
      ])
    let stranger = AgentCaller(token: "bad", address: "10.0.0.1")
    await #expect(throws: Problem.self) {
      _ = try await remote.holder(of: stranger, needing: .viewer, for: "GetMetrics", at: other)
    }
    await remote.close(link, from: WireTests.node, Incarnation(1))
    await #expect(throws: RemoteControlPlane.away) {
      _ = try await remote.holder(of: caller, needing: .viewer, for: "GetMetrics", at: other)
    }
    await wire.stop()
  }

  @Test func `each category of problems has a status, and unknown callers one of their own`() {
    let codes = Problem.Category.allCases.map { category in
      RPCError(Problem(category, code: "some", "text")).code
    }
    #expect(
      codes == [
        .invalidArgument, .notFound, .failedPrecondition, .permissionDenied, .resourceExhausted,
        .resourceExhausted, .aborted, .deadlineExceeded, .unavailable, .internalError,
      ])
    let revoked = RPCError(Problem(.refused, code: "token_revoked", "text", next: "Ask \u{e4} 5%."))
    #expect(revoked.code == .unauthenticated)
    #expect(
      revoked.metadata == [
        "wasmatrix-code": "token_revoked", "wasmatrix-next": "Ask %C3%A4 5%25.",
      ])
  }

  @Test func `the address of a peer is what stands between its kind and its port`() {
    #expect(AgentServiceEndpoint.address("ipv4:10.0.0.1:4711") == "10.0.0.1")
    #expect(AgentServiceEndpoint.address("ipv6:[::1]:4711") == "[::1]")
    #expect(AgentServiceEndpoint.address("") == "")
  }
}
