import ClusterModel
import Foundation
import HostPorts
import StorageTesting
import Synchronization
import Testing

@testable import ClusterAuthority

@Suite struct JoiningAnewTests {
  private let stage: AuthorityStage
  private let authority: ClusterAuthority
  private let enrollment: ScriptedEnrollment
  private let agent = TemporaryFolder()
  private let node = NodeID(unchecked: "edge-1")

  init() throws {
    stage = try AuthorityStage()
    authority = try stage.authority()
    enrollment = ScriptedEnrollment(authority, StillClock(stage.now))
  }

  /// As after a start of the agent.
  private func identity(asking other: ScriptedEnrollment? = nil) throws(Problem) -> NodeIdentity {
    let enrollment = other ?? enrollment
    return try NodeIdentity(
      of: node, in: agent.path, enrollment: enrollment, clock: enrollment.clock, onTrouble: { _ in }
    )
  }

  private func token(_ secret: UInt8, of authority: ClusterAuthority? = nil) -> AccessToken {
    AccessToken(
      .join, authority: (authority ?? self.authority).fingerprint,
      secret: [UInt8](repeating: secret, count: 32))
  }

  /// A node that joined with the token 1, and was started again with another.
  private func restarted(with token: AccessToken) async throws -> NodeIdentity {
    try await identity().join(with: self.token(1))
    let node = try identity()
    await node.offer(token)
    return node
  }

  /// What becomes of one round.
  private func problem(_ node: NodeIdentity) async -> Problem? {
    do throws(Problem) {
      try await node.renewOrJoin()
      return nil
    } catch { return error }
  }

  private func refuse(joining: String? = nil, renewing: String? = nil) {
    func refusal(_ code: String?) -> Problem? { code.map { Problem(.refused, code: $0, "no") } }
    enrollment.state.withLock { state in
      state.joinRefusal = refusal(joining)
      state.renewalRefusal = refusal(renewing)
    }
  }

  private var joins: Int { enrollment.state.withLock { $0.joins } }
  private var renewals: Int { enrollment.state.withLock { $0.renewals } }

  @Test func `a node that still renews does so at once, and does not use its new token`()
    async throws
  {
    let node = try await restarted(with: token(2))
    #expect(await node.timeLeft == .zero)
    #expect(await problem(node) == nil)
    #expect(renewals == 1 && joins == 1)
    #expect(await node.timeLeft > .zero)
    // From now on the token lets in nobody who is forgotten later.
    refuse(renewing: "node_forgotten")
    #expect(await problem(node)?.code == "node_forgotten")
    #expect(joins == 1)
  }

  @Test(arguments: [
    "certificate_expired", "certificate_foreign", "certificate_superseded", "node_forgotten",
    "server_not_trusted", "certificate_not_yet_valid",
  ])
  func `a node whose renewal is refused for good joins anew with a new token`(_ code: String)
    async throws
  {
    let node = try await restarted(with: token(2))
    let old = try await node.identity().certificateChain
    refuse(renewing: code)
    #expect(await problem(node) == nil)
    #expect(joins == 2 && renewals == 0)
    #expect(try await node.identity().certificateChain != old)
    #expect(await node.timeLeft > .zero)
    // At the next start the same token is not looked at again.
    let again = try identity()
    #expect(
      try await again.identity().certificateChain == node.identity().certificateChain)
    await again.offer(token(2))
    #expect(await again.timeLeft > .zero)
  }

  @Test func `the token that a node joined with is not tried again, and the refusal says so`()
    async throws
  {
    let node = try await restarted(with: token(1))
    #expect(await node.timeLeft > .zero)
    refuse(renewing: "certificate_expired")
    let refused = await problem(node)
    #expect(refused?.code == "certificate_expired" && joins == 1)
    #expect(refused?.next?.contains("the one it joined with") == true)
    #expect(refused?.next?.contains("token create --join --node edge-1") == true)
  }

  @Test func `it is remembered through renewals which token a node joined with`() async throws {
    try await identity().join(with: token(1))
    try await identity().renewNow()
    let node = try identity()
    await node.offer(token(1))
    #expect(await node.timeLeft > .zero)
  }

  @Test func `a failure that may pass uses up no token`() async throws {
    let node = try await restarted(with: token(2))
    enrollment.state.withLock { $0.lostAnswers = 1 }
    #expect(await problem(node)?.code == "server_unreachable")
    refuse(renewing: "signature_wrong")
    #expect(await problem(node)?.code == "signature_wrong")
    #expect(joins == 1)
    refuse(renewing: "node_forgotten")
    #expect(await problem(node) == nil)
    #expect(joins == 2)
  }

  @Test func `a token that is refused is tried once, and what the node has stays`() async throws {
    let node = try await restarted(with: token(2))
    let kept = try await node.identity().certificateChain
    refuse(joining: "token_used", renewing: "node_forgotten")
    #expect(await problem(node)?.code == "token_used")
    let refused = await problem(node)
    #expect(refused?.code == "node_forgotten" && joins == 2)
    #expect(refused?.next?.contains("needs a new token") == true)
    #expect(try await node.identity().certificateChain == kept)
    #expect(try await identity().identity().certificateChain == kept)
  }

  @Test func `a server that is not believed takes no token away, as clocks may be wrong`()
    async throws
  {
    let node = try await restarted(with: token(2))
    refuse(joining: "server_not_trusted", renewing: "server_not_trusted")
    #expect(await problem(node)?.code == "server_not_trusted")
    refuse()
    #expect(await problem(node) == nil)
    #expect(joins == 3)
  }

  @Test func `a lost answer is asked for again with the same key, after a restart, too`()
    async throws
  {
    let node = try await restarted(with: token(2))
    refuse(renewing: "node_forgotten")
    enrollment.state.withLock { $0.lostAnswers = 1 }
    #expect(await problem(node)?.code == "server_unreachable")
    // By now the control plane knows the newer certificate, whose answer was lost.
    refuse(renewing: "certificate_superseded")
    let again = try identity()
    await again.offer(token(2))
    #expect(await problem(again) == nil)
    let keys = enrollment.state.withLock { $0.keys }
    #expect(keys.count == 3 && keys[1] == keys[2])
  }

  @Test func `a token of another authority is joined with at once`() async throws {
    try await identity().join(with: token(1))
    let other = try AuthorityStage().authority()
    let newer = ScriptedEnrollment(other, enrollment.clock)
    let node = try identity(asking: newer)
    await node.offer(token(2, of: other))
    #expect(await problem(node) == nil)
    #expect(newer.state.withLock { $0.joins == 1 && $0.renewals == 0 })
    #expect(try await node.identity().authorities == other.authorities)
    #expect(try await identity(asking: newer).identity().authorities == other.authorities)
  }

  @Test func `an identity that an earlier release wrote is taken`() async throws {
    try await identity().join(with: token(1))
    let file = URL(fileURLWithPath: agent.path + "/identity/identity.json")
    let written = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
    var fields = try #require(written as? [String: Any])
    let joinedWith = fields.removeValue(forKey: "joinedWith") as? String
    #expect(joinedWith != nil)
    try JSONSerialization.data(withJSONObject: fields).write(to: file)
    let node = try identity()
    #expect(await node.isJoined)
    // Which token it joined with is not known: a renewal tells that none is needed.
    await node.offer(token(1))
    #expect(await problem(node) == nil)
    #expect(joins == 1 && renewals == 1)
  }
}
