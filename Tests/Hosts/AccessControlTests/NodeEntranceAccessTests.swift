import AccessControl
import AccessRules
import ClusterModel
import Crypto
import HostPorts
import Logging
import Testing

/// Whom the entrance of a node lets in, with what it was told.
@Suite struct NodeEntranceAccessTests {
  private let clock = StillClock()
  private let access: NodeAccess

  init() {
    access = NodeAccess(
      clock: clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func token(_ byte: UInt8) -> AccessToken {
    AccessToken(
      .user, authority: AuthorityFingerprint(sha256: [UInt8](repeating: 9, count: 32)),
      secret: [UInt8](repeating: byte, count: 32))
  }

  private func user(_ byte: UInt8, expiresIn life: Duration? = nil) -> UserToken {
    UserToken(
      name: TokenName(unchecked: "user-\(byte)"),
      hash: KeptHash(sha256: Array(SHA256.hash(data: token(byte).secret))), role: .invoker,
      createdAt: clock.now().wall, createdBy: .local, expiresAt: life.map { clock.now().wall + $0 })
  }

  private func take(_ users: [UserToken], life: Duration = .seconds(3600)) {
    let now = clock.now().wall
    access.take(
      StandingPlan(
        NodePlan(
          node: NodeID(unchecked: "n"), incarnation: Incarnation(1), version: .zero, orders: []),
        trustedKeys: [], users: users.compactMap { StandingUser($0, at: now) }, issuedAt: now,
        life: life))
  }

  private func code(_ text: String) async -> String? {
    do throws(Problem) {
      _ = try await access.holder(of: text)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `those of the standing plan are let in, as long as it holds`() async throws {
    #expect(await code(token(1).text) == "users_unknown")
    take([user(1), user(2, expiresIn: .seconds(60))])
    #expect(
      try await access.holder(of: token(1).text)
        == TokenHolder(name: TokenName(unchecked: "user-1"), role: .invoker))
    #expect(await code(token(2).text) == nil)
    #expect(await code(token(3).text) == "token_unknown")
    #expect(await code("nothing") == "token_malformed")
    clock.advance(.seconds(61))
    #expect(await code(token(2).text) == "token_expired")
    clock.advance(.seconds(3600))
    #expect(await code(token(1).text) == "users_unknown")
  }

  @Test func `the newest standing plan counts, without those that were revoked`() async {
    take([user(1), user(2)])
    var revoked = user(1)
    revoked.revokedAt = clock.now().wall
    take([revoked, user(2)])
    #expect(await code(token(1).text) == "token_unknown")
    #expect(await code(token(2).text) == nil)
  }

  @Test func `whoever is refused again and again is told to slow down`() async {
    let problem = Problem(.refused, code: "token_unknown", "no")
    var codes: Set<String> = []
    for _ in 0..<100 {
      codes.insert(
        await access.refused(problem, to: .stranger, from: "10.0.0.9", subject: "x").code)
    }
    #expect(codes == ["token_unknown", "refusals_too_many"])
    #expect(
      await access.refused(problem, to: .stranger, from: "10.0.0.8", subject: "x").code
        == "token_unknown")
  }
}
