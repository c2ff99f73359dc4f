import AccessControl
import ClusterModel
import HostPorts
import Testing

@Suite struct CallerTests {
  @Test func `whoever calls an agent is known by the token, and who may not is on record`()
    async throws
  {
    let gate = try Gate()
    let node = NodeID(unchecked: "press-7")
    let token = try await gate.control.createUserToken(
      TokenName(unchecked: "eve"), role: .viewer, life: nil, by: gate.caller)
    let caller = AgentCaller(token: token.token.text, address: "10.0.0.9")
    let holder = try await gate.control.holder(
      of: caller, needing: .viewer, for: "GetMetrics", at: node)
    #expect(holder == TokenHolder(name: TokenName(unchecked: "eve"), role: .viewer))
    await #expect(throws: Problem.self) {
      _ = try await gate.control.holder(
        of: caller, needing: .deployer, for: "StartModule", at: node)
    }
    let stranger = AgentCaller(
      token: "nonsense", address: String(repeating: "x", count: 1000))
    await #expect(throws: Problem.self) {
      _ = try await gate.control.holder(
        of: stranger, needing: .viewer, for: "GetMetrics", at: node)
    }
    let refused = try await gate.events().filter { $0.kind == .accessRefused }
    #expect(refused.map(\.reason) == ["role_insufficient", "token_malformed"])
    #expect(refused.map(\.principal.name) == ["eve", "unknown"])
    #expect(refused[0].subject == "StartModule of node press-7")
    #expect(refused[1].detail.count < 200)
  }
}
