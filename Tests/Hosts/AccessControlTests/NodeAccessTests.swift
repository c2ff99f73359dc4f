import AccessControl
import ClusterAuthority
import ClusterModel
import Foundation
import HostPorts
import SQLiteStore
import StorageTesting
import Synchronization
import Testing

/// A node that asks the control plane directly.
private struct DirectEnrollment: NodeEnrollment {
  let control: AccessControl
  func join(_ node: NodeID, with token: AccessToken, request: String) async throws(Problem)
    -> IssuedCertificate
  { try await control.join(node, with: token.text, request: request) }
  func renew(
    _ certificate: String, request: String, signature: [UInt8], trusting authorities: [[UInt8]]
  ) async throws(Problem) -> IssuedCertificate {
    try await control.renew(certificate, request: request, signature: signature)
  }
}

@Suite struct NodeAccessTests {
  private let node = NodeID(unchecked: "edge-1")

  private func agent(
    _ gate: Gate, _ folder: TemporaryFolder = TemporaryFolder(), named node: NodeID? = nil
  ) throws(Problem) -> NodeIdentity {
    try NodeIdentity(
      of: node ?? self.node, in: folder.path, enrollment: DirectEnrollment(control: gate.control),
      clock: gate.clock, onTrouble: { _ in })
  }

  private func token(_ gate: Gate, for node: NodeID? = nil) async throws(Problem) -> AccessToken {
    try await gate.control.createJoinToken(node, life: .seconds(3600), by: gate.caller).token
  }

  @Test func `a node joins with a token, and is admitted by its certificate`() async throws {
    let gate = try Gate()
    let agent = try agent(gate)
    try await agent.join(with: try await token(gate))
    let own = try await agent.identity().certificateChain[0]
    #expect(try await gate.control.admit(own) == node)
    #expect(await agent.attachAddresses == ["127.0.0.1:7443"])
    let kinds = try await gate.events().map(\.kind)
    #expect(kinds == [.tokenCreated, .nodeJoined])
  }

  @Test func `a token that was used is good for nobody else, after a restart, too`() async throws {
    var gate = try Gate()
    let token = try await token(gate)
    try await agent(gate).join(with: token)
    gate = try await gate.reopened()
    let code = await gate.code { () async throws(Problem) in
      try await agent(gate).join(with: token)
    }
    #expect(code == "token_used")
  }

  @Test func `two that use a token at the same moment: one of them joins`() async throws {
    let gate = try Gate()
    let token = try await token(gate)
    let joined = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          await gate.code { () async throws(Problem) in
            try await agent(gate).join(with: token)
          } == nil
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(joined == 1)
  }

  @Test func `a node renews with the old certificate while it holds and in the grace after`()
    async throws
  {
    let gate = try Gate()
    let agent = try agent(gate)
    try await agent.join(with: try await token(gate))
    let first = try await agent.identity().certificateChain
    gate.clock.advance(.seconds(60 + 599))
    #expect(await renewal(gate, agent) == nil)
    #expect(try await agent.identity().certificateChain != first)
    #expect(try await gate.events().last?.kind == .certificateRenewed)
    gate.clock.advance(.seconds(60 + 601))
    let code = await renewal(gate, agent)
    #expect(code == "certificate_expired")
  }

  /// What becomes of one renewal.
  private func renewal(_ gate: Gate, _ agent: NodeIdentity) async -> String? {
    await gate.code { () async throws(Problem) in try await agent.renewNow() }
  }

  @Test func `a node that was forgotten neither renews nor is admitted, until it joins again`()
    async throws
  {
    let gate = try Gate()
    let agent = try agent(gate)
    try await agent.join(with: try await token(gate))
    let old = try await agent.identity().certificateChain[0]
    try await gate.store.persist([.removeNode(node)])
    #expect(await renewal(gate, agent) == "node_forgotten")
    let code = await gate.code { () async throws(Problem) in
      _ = try await gate.control.admit(old)
    }
    #expect(code == "node_forgotten")
    gate.clock.advance(.seconds(5))
    try await agent.join(with: try await token(gate))
    #expect(await renewal(gate, agent) == nil)
    let superseded = await gate.code { () async throws(Problem) in
      _ = try await gate.control.admit(old)
    }
    #expect(superseded == "certificate_superseded")
  }

  @Test func `with a token that is revoked goes the node that joined with it`() async throws {
    let gate = try Gate()
    let agent = try agent(gate)
    let made = try await gate.control.createJoinToken(
      nil, life: .seconds(60), by: gate.caller)
    try await agent.join(with: made.token)
    try await gate.control.revokeToken(made.name, by: gate.caller)
    #expect(await renewal(gate, agent) == "node_forgotten")
    #expect(gate.forgotten.nodes.withLock { $0 } == [node], "it is hung up on")
    try await gate.control.revokeToken(made.name, by: gate.caller)
    #expect(gate.forgotten.nodes.withLock { $0 } == [node], "once")
  }

  @Test func `a node that joined anew keeps its place when its first token is revoked`()
    async throws
  {
    let gate = try Gate()
    let made = try await gate.control.createJoinToken(nil, life: .seconds(60), by: gate.caller)
    try await agent(gate).join(with: made.token)
    gate.clock.advance(.seconds(5))
    try await agent(gate).join(with: try await token(gate, for: node))
    try await gate.control.revokeToken(made.name, by: gate.caller)
    #expect(gate.forgotten.nodes.withLock { $0 } == [])
  }

  @Test func `a node stays attached with an expired certificate for as long as it may renew`()
    async throws
  {
    let gate = try Gate()
    let agent = try agent(gate)
    try await agent.join(with: try await token(gate))
    // What it showed when it attached; the connection goes on.
    let shown = try await agent.identity().certificateChain[0]
    func admission() async -> String? {
      await gate.code { () async throws(Problem) in _ = try await gate.control.admit(shown) }
    }
    gate.clock.advance(.seconds(60 + 599))
    #expect(await admission() == nil)
    #expect(await renewal(gate, agent) == nil)
    gate.clock.advance(.seconds(60 + 599))
    #expect(await admission() == nil, "its newest one may be renewed")
    gate.clock.advance(.seconds(3))
    #expect(await admission() == "certificate_expired")
  }

  @Test func `a certificate of another cluster renews nothing`() async throws {
    let (gate, other) = (try Gate(), try Gate())
    let agent = try agent(other)
    try await agent.join(with: try await token(other))
    let stranger = try await agent.identity().certificateChain[0]
    let code = await gate.code { () async throws(Problem) in
      _ = try await gate.control.admit(stranger)
    }
    #expect(code == "certificate_foreign")
  }
}
