import ClusterModel
import PropertyTesting
import Testing

@testable import AccessRules

@Suite struct UserTokenRulesTests {
  private let now = WallInstant(microseconds: 1_800_000_000_000_000)

  private func token(_ name: String, role: Role = .deployer, life: Duration? = nil) -> UserToken {
    UserToken(
      name: TokenName(unchecked: name), hash: KeptHash(sha256: [UInt8](repeating: 1, count: 32)),
      role: role, createdAt: now, createdBy: .local, expiresAt: life.map { now + $0 })
  }

  private func code(_ body: () throws(Problem) -> Void) -> String? {
    do throws(Problem) {
      try body()
      return nil
    } catch { return error.code }
  }

  @Test func `each role may what the ones before it may`() {
    let order: [Role] = [.viewer, .invoker, .deployer, .admin]
    #expect(order == Role.allCases)
    for (held, role) in order.enumerated() {
      for (needed, other) in order.enumerated() {
        #expect(role.allows(other) == (held >= needed))
        #expect(
          code { () throws(Problem) in try UserTokenRules.require(other, of: role, "ci") }
            == (held >= needed ? nil : "role_insufficient"))
      }
    }
  }

  @Test func `a token counts until it expires or is revoked`() {
    var some = token("ci", life: .seconds(10))
    #expect(code { () throws(Problem) in try UserTokenRules.check(some, at: now) } == nil)
    let over = now + .seconds(10)
    #expect(
      code { () throws(Problem) in try UserTokenRules.check(some, at: over) } == "token_expired")
    some.revokedAt = now
    #expect(
      code { () throws(Problem) in try UserTokenRules.check(some, at: now) } == "token_revoked")
  }

  @Test func `a name is given once, until its token counts no more`() throws {
    var there = token("ci")
    func create() -> String? {
      code { () throws(Problem) in
        _ = try UserTokenRules.create(token("ci"), known: AccessSnapshot(users: [there]))
      }
    }
    #expect(create() == "token_exists")
    there.revokedAt = now
    #expect(create() == nil)
  }

  @Test(arguments: ["local", "wasmatrix", "unknown", "join-1"])
  func `nobody takes a name that means somebody else`(_ name: String) {
    #expect(
      code { () throws(Problem) in
        _ = try UserTokenRules.create(token(name), known: AccessSnapshot())
      } == "token_name_reserved")
  }

  @Test func `revoking is recorded once`() throws {
    let known = AccessSnapshot(users: [token("ci")])
    let name = TokenName(unchecked: "ci")
    let changes = try UserTokenRules.revoke(name, by: .local, known: known, at: now)
    #expect(changes.count == 2)
    let after = known.applying(changes)
    #expect(after.users[0].revokedAt == now)
    #expect(try UserTokenRules.revoke(name, by: .local, known: after, at: now).isEmpty)
    #expect(
      code { () throws(Problem) in
        _ = try UserTokenRules.revoke(
          TokenName(unchecked: "no"), by: .local, known: known, at: now)
      } == "token_unknown")
  }
}

@Suite struct RefusalLimitsTests {
  private func second(_ number: Int) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(number) * 1_000_000_000)
  }

  @Test func `an address that is refused all the time is told to slow down, others are not`() {
    var limits = RefusalLimits()
    let told = (0..<100).count { _ in limits.refuse("10.0.0.1", at: second(1)) }
    #expect(told == Int(RefusalLimits.addressBurst))
    let other = limits.refuse("10.0.0.2", at: second(1))
    #expect(other)
    let later = limits.refuse("10.0.0.1", at: second(3))
    #expect(later)
  }

  @Test func `refusals are on record as fast as the log may grow, and none is lost count of`() {
    var limits = RefusalLimits()
    var (recorded, counted) = (0, 0)
    for number in 0..<1000 {
      if let before = limits.recordRefusal(at: second(number / 10)) {
        recorded += 1
        counted += 1 + before
      }
    }
    #expect(recorded <= Int(RefusalLimits.recordBurst) + 10 && recorded >= 50)
    #expect(counted <= 1000 && counted > 900)
  }

  @Test func `addresses without number take bounded room`() {
    var limits = RefusalLimits()
    for number in 0..<(RefusalLimits.maximumAddresses * 2) {
      _ = limits.refuse("10.0.\(number / 256).\(number % 256)", at: second(number))
    }
    #expect(limits.addressCount == RefusalLimits.maximumAddresses)
  }
}
