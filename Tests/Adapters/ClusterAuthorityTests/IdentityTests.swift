import ClusterModel
import Crypto
import Foundation
import HostPorts
import StorageTesting
import Synchronization
import Testing

@testable import ClusterAuthority

/// A control plane that answers from an authority, as often as a test lets it.
final class ScriptedEnrollment: NodeEnrollment {
  struct State {
    var lostAnswers = 0
    var keys: [KeptHash] = []
    var renewals = 0
    /// Requests to join, answered or not.
    var joins = 0
    /// What is answered instead, as long as it is there.
    var joinRefusal: Problem?
    var renewalRefusal: Problem?
    var other: [[UInt8]]?
  }

  let authority: ClusterAuthority
  let clock: StillClock
  let state = Mutex(State())

  init(_ authority: ClusterAuthority, _ clock: StillClock) {
    self.authority = authority
    self.clock = clock
  }

  private func answer(_ request: String) throws(Problem) -> IssuedCertificate {
    let wanted = try authority.request(request)
    let (lost, other) = state.withLock { state in
      state.keys.append(wanted.keyHash)
      defer { state.lostAnswers = max(0, state.lostAnswers - 1) }
      return (state.lostAnswers > 0, state.other)
    }
    if lost { throw Problem(.unavailable, code: "server_unreachable", "lost") }
    return IssuedCertificate(
      chain: try authority.issue(for: wanted, at: clock.now().wall, life: .seconds(30)),
      authorities: other ?? authority.authorities, attachAddresses: ["10.0.0.1:7443"])
  }

  func join(_ node: NodeID, with token: AccessToken, request: String) async throws(Problem)
    -> IssuedCertificate
  {
    let refusal = state.withLock { state -> Problem? in
      state.joins += 1
      return state.joinRefusal
    }
    if let refusal { throw refusal }
    return try answer(request)
  }

  func renew(
    _ certificate: String, request: String, signature: [UInt8], trusting authorities: [[UInt8]]
  ) async throws(Problem) -> IssuedCertificate {
    guard authority.isSigned(request, by: signature, keyOf: certificate) else {
      throw Problem(.refused, code: "signature_wrong", "wrong")
    }
    if let refusal = state.withLock({ $0.renewalRefusal }) { throw refusal }
    let answer = try answer(request)
    state.withLock { $0.renewals += 1 }
    return answer
  }
}

@Suite struct IdentityTests {
  private let stage: AuthorityStage
  private let authority: ClusterAuthority
  private let clock: StillClock
  private let enrollment: ScriptedEnrollment
  private let agent = TemporaryFolder()
  private let node = NodeID(unchecked: "edge-1")

  init() throws {
    stage = try AuthorityStage()
    authority = try stage.authority()
    clock = StillClock(stage.now)
    enrollment = ScriptedEnrollment(authority, clock)
  }

  private func identity(_ onTrouble: @escaping @Sendable (Problem) -> Void = { _ in })
    throws(Problem) -> NodeIdentity
  {
    try NodeIdentity(
      of: node, in: agent.path, enrollment: enrollment, clock: clock, onTrouble: onTrouble)
  }

  private var token: AccessToken {
    AccessToken(
      .join, authority: authority.fingerprint, secret: [UInt8](repeating: 7, count: 32))
  }

  @Test func `a node that joined is who it is after a restart, too`() async throws {
    let first = try identity()
    #expect(await !first.isJoined)
    try await first.join(with: token)
    let shown = try await first.identity()
    let again = try identity()
    #expect(try await again.identity().certificateChain == shown.certificateChain)
    #expect(await again.attachAddresses == ["10.0.0.1:7443"])
    #expect(try NodeCertificate.nodeName(ofDER: shown.certificateChain[0]) == node)
    #expect(try agent.permissions(of: "identity/identity.json") == 0o600)
    #expect(!FileManager.default.fileExists(atPath: agent.path + "/identity/joining.json"))
  }

  @Test func `a node believes what its own authority has sealed, and nothing else`() async throws {
    let node = try identity()
    try await node.join(with: token)
    let seal = try authority.seal(Array("{}".utf8))
    try await node.check(seal)
    var changed = seal
    changed.statement.append(32)
    var unsigned = seal
    unsigned.signature = []
    let stranger = try AuthorityStage().authority().seal(seal.statement)
    var disguised = stranger
    disguised.authority = seal.authority
    for forged in [changed, unsigned, stranger, disguised] {
      await #expect(
        performing: { try await node.check(forged) },
        throws: { error in
          (error as? Problem)?.code == "standing_plan_forged"
        })
    }
  }

  @Test func `a node asks again with the same key when an answer was lost`() async throws {
    enrollment.state.withLock { $0.lostAnswers = 1 }
    await #expect(throws: Problem.self) { try await identity().join(with: token) }
    try await identity().join(with: token)
    let keys = enrollment.state.withLock { $0.keys }
    #expect(keys.count == 2 && keys[0] == keys[1])
  }

  @Test func `an answer of another authority than the token names is not believed`() async throws {
    let other = try AuthorityStage()
    let stranger = AccessToken(
      .join, authority: try other.authority().fingerprint,
      secret: [UInt8](repeating: 7, count: 32))
    await #expect(throws: Problem.self) { try await identity().join(with: stranger) }
    // It lists the right authority beside the one that signed.
    let stranded = try other.authority().authorities
    enrollment.state.withLock { $0.other = stranded }
    await #expect(throws: Problem.self) { try await identity().join(with: stranger) }
    #expect(try await !identity().isJoined)
  }

  @Test func `the folder of another node is not taken`() async throws {
    try await identity().join(with: token)
    let problem = stage.problem { () throws(Problem) in
      _ = try NodeIdentity(
        of: NodeID(unchecked: "edge-2"), in: agent.path, enrollment: enrollment, clock: clock,
        onTrouble: { _ in })
    }
    #expect(problem?.code == "identity_of_other_node")
  }

  @Test(.timeLimit(.minutes(2)))
  func `a certificate that expired is not shown, and is renewed when there is an answer`()
    async throws
  {
    let failures = Mutex(0)
    let node = try identity { _ in failures.withLock { $0 += 1 } }
    try await node.join(with: token)
    clock.advance(.seconds(31))
    await #expect(throws: Problem.self) { try await node.identity() }
    enrollment.state.withLock { $0.lostAnswers = 1 }
    let renewing = Task { try await node.run(ready: {}) }
    while enrollment.state.withLock({ $0.renewals }) == 0 { await Task.yield() }
    while (try? await node.identity()) == nil { await Task.yield() }
    #expect(failures.withLock { $0 } == 1)
    renewing.cancel()
    let keys = enrollment.state.withLock { $0.keys }
    #expect(Set(keys).count == 3, "each renewal has a key of its own")
    #expect(try await identity().identity().certificateChain == node.identity().certificateChain)
  }

  @Test func `renewals that fail are tried less and less often, within bounds`() {
    for failures in 1...100 {
      let time = NodeIdentity.backOff(after: failures)
      #expect(time >= NodeIdentity.firstBackOff * 0.5 && time <= NodeIdentity.longestBackOff)
    }
    #expect(NodeIdentity.backOff(after: 1) <= NodeIdentity.firstBackOff)
    #expect(NodeIdentity.backOff(after: 50) >= NodeIdentity.longestBackOff * 0.5)
  }

  @Test func `the control plane renews itself at two thirds of its certificate's life`()
    async throws
  {
    let plane = ControlPlaneIdentity(authority, life: .seconds(30), clock: clock)
    let first = try await plane.identity()
    clock.advance(.seconds(19))
    #expect(try await plane.identity().certificateChain == first.certificateChain)
    clock.advance(.seconds(2))
    let second = try await plane.identity()
    #expect(second.certificateChain != first.certificateChain)
    #expect(second.privateKey != first.privateKey)
  }

  @Test func `a damaged identity is a problem that says what to do`() async throws {
    try await identity().join(with: token)
    let file = agent.path + "/identity/identity.json"
    try Data("{".utf8).write(to: URL(fileURLWithPath: file))
    let problem = stage.problem { () throws(Problem) in _ = try identity() }
    #expect(problem?.code == "identity_damaged" && problem?.next != nil)
  }
}
