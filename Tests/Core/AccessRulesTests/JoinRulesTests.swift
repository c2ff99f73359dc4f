import ClusterModel
import PropertyTesting
import Testing

@testable import AccessRules

@Suite struct JoinRulesTests {
  private let now = WallInstant(microseconds: 1_800_000_000_500_000)
  private let rules = CertificateRules()
  private static let hash = KeptHash(sha256: [UInt8](repeating: 1, count: 32))
  private static let key = KeptHash(sha256: [UInt8](repeating: 2, count: 32))
  private static let otherKey = KeptHash(sha256: [UInt8](repeating: 3, count: 32))
  private let node = NodeID(unchecked: "edge-1")

  private func token(for node: NodeID? = nil) -> JoinToken {
    JoinToken(
      name: TokenName(unchecked: "join-1"), hash: Self.hash, node: node, createdAt: now,
      createdBy: .local, expiresAt: now + .seconds(3600))
  }

  private func request(_ key: KeptHash = key, node: NodeID? = nil) -> JoinRequest {
    JoinRequest(token: Self.hash, node: node ?? self.node, key: key)
  }

  /// The code of the refusal; `nil` when it is let in.
  private func refusal(
    _ request: JoinRequest, _ known: AccessSnapshot, at time: WallInstant? = nil
  ) -> String? {
    do throws(Problem) {
      _ = try JoinRules.join(request, known: known, rules: rules, at: time ?? now)
      return nil
    } catch { return error.code }
  }

  /// What is kept after a request was let in.
  private func joined(
    _ request: JoinRequest, _ known: AccessSnapshot, at time: WallInstant
  ) throws -> AccessSnapshot {
    known.applying(try JoinRules.join(request, known: known, rules: rules, at: time))
  }

  @Test func `a token lets one key in, again while it holds, and no other`() throws {
    let fresh = AccessSnapshot(joins: [token()])
    let used = try joined(request(), fresh, at: now)
    #expect(used.joins[0].use?.key == Self.key)
    let later = now + .seconds(60)
    #expect(refusal(request(), used, at: later) == nil)
    #expect(refusal(request(Self.otherKey), used, at: later) == "token_used")
    #expect(
      refusal(request(node: NodeID(unchecked: "edge-2")), used, at: later) == "token_used")
    #expect(refusal(request(), used, at: now + .seconds(3600)) == "token_expired")
  }

  @Test func `asking again is no second joining`() throws {
    let used = try joined(request(), AccessSnapshot(joins: [token()]), at: now)
    let again = try JoinRules.join(
      request(), known: used, rules: rules, at: now + .seconds(60))
    #expect(!again.contains { if case .appendSecurityEvent = $0 { true } else { false } })
    #expect(used.applying(again).node?.joinedAt == now)
  }

  @Test func `a token that is revoked, unknown or for another node lets nobody in`() {
    var revoked = token()
    revoked.revokedAt = now
    #expect(refusal(request(), AccessSnapshot(joins: [revoked])) == "token_revoked")
    #expect(refusal(request(), AccessSnapshot()) == "token_unknown")
    #expect(
      refusal(request(), AccessSnapshot(joins: [token(for: NodeID(unchecked: "other"))]))
        == "token_for_other_node")
  }

  @Test func `a token for any node does not take the place of one that is there`() {
    let there = EnrolledNode(node: node, joinedAt: now, expiresAt: now + .seconds(10))
    var known = AccessSnapshot(joins: [token()], node: there)
    #expect(refusal(request(), known) == "node_name_taken")
    known.isForgotten = true
    #expect(refusal(request(), known) == nil)
    #expect(
      refusal(request(), AccessSnapshot(joins: [token(for: node)], node: there)) == nil)
    var lasting = token()
    lasting.expiresAt = now + .seconds(30 * 86_400)
    let over = there.expiresAt + rules.grace
    known = AccessSnapshot(joins: [lasting], node: there)
    #expect(refusal(request(), known, at: over) == "node_name_taken")
    #expect(refusal(request(), known, at: over + .seconds(1)) == nil)
    #expect(
      refusal(request(), AccessSnapshot(joins: [token()], isRegistered: true))
        == "node_name_taken")
    #expect(
      refusal(
        request(), AccessSnapshot(joins: [token()], isForgotten: true, isRegistered: true))
        == "node_name_taken")
  }

  @Test func `a token is used by one key, whatever is tried in whatever order`() async throws {
    let attempt = zip(Generator<Int>.int(in: 0...3), Generator<Int>.int(in: 0...7200))
    try await checkProperty(
      "a join token is good for one key, and for its time", cases: 200,
      attempt.array(count: 1...20)
    ) { attempts in
      var known = AccessSnapshot(joins: [token()])
      var keys: Set<KeptHash> = []
      for (number, second) in attempts.sorted(by: { $0.1 < $1.1 }) {
        let key = KeptHash(sha256: [UInt8](repeating: UInt8(number), count: 32))
        let time = now + .seconds(second)
        do throws(Problem) {
          let changes = try JoinRules.join(
            request(key), known: known, rules: rules, at: time)
          guard second < 3600 else { return false }
          keys.insert(key)
          known = known.applying(changes)
        } catch {
          continue
        }
      }
      return keys.count <= 1
    }
  }

  @Test func `with a token that is revoked goes the node that it let in, and no other`() throws {
    let used = try joined(request(), AccessSnapshot(joins: [token()]), at: now)
    let name = token().name
    let changes = try UserTokenRules.revoke(name, by: .local, known: used, at: now)
    #expect(changes.contains(.forgetNode(node)))
    var again = used
    again.node?.joinedAt = now + .seconds(1)
    let others = try UserTokenRules.revoke(name, by: .local, known: again, at: now)
    #expect(!others.contains(.forgetNode(node)))
  }

  @Test func `tokens that are of no use any more make room`() throws {
    let old = token()
    var new = token()
    new.name = TokenName(unchecked: "join-2")
    new.createdAt = old.expiresAt + JoinRules.keptAfterwards + .seconds(1)
    let changes = try JoinRules.create(new, known: AccessSnapshot(joins: [old]))
    #expect(changes.contains(.removeJoin(old.name)) && changes.contains(.putJoin(new)))
    let full = AccessSnapshot(
      joins: [JoinToken](repeating: token(), count: JoinRules.maximumTokens))
    #expect(throws: Problem.self) { try JoinRules.create(token(), known: full) }
  }
}

extension AccessSnapshot {
  /// What a store would hold after these changes.
  func applying(_ changes: [AccessChange]) -> AccessSnapshot {
    var result = self
    for change in changes {
      switch change {
      case .putUser(let token):
        result.users = result.users.filter { $0.name != token.name } + [token]
      case .putJoin(let token):
        result.joins = result.joins.filter { $0.name != token.name } + [token]
      case .removeJoin(let name): result.joins.removeAll { $0.name == name }
      case .putNode(let node): (result.node, result.isForgotten) = (node, false)
      case .forgetNode: result.isForgotten = true
      case .appendSecurityEvent: break
      }
    }
    return result
  }
}
