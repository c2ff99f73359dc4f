public import AccessRules
public import ClusterModel
import Crypto
public import HostPorts
public import Logging

/// Whom a cluster lets in. It decides with what is durable, in one transaction with what comes of it; only
/// users' tokens are remembered here, as every request is looked at.
public actor AccessControl: AccessService {
  public nonisolated let authorities: [[UInt8]]
  let store: any AccessStore
  let issuer: any CertificateIssuer
  let clock: any HostClock
  let logger: Logger
  let rules: CertificateRules
  private let attachAddresses: @Sendable () -> [String]
  private let onChange: @Sendable () -> Void
  private let onForgotten: @Sendable (NodeID) -> Void
  private var limits = RefusalLimits()
  /// By the hash of their secrets; `nil` when they are to be read (again).
  private var users: [KeptHash: UserToken]?
  /// How often tokens were changed.
  private var changes = 0
  /// Tokens whose last use is being written.
  private var noting: Set<TokenName> = []

  /// - Parameters:
  ///   - attachAddresses: where agents attach, for nodes that join: `10.0.0.1:7443`; `:7443` is at the host
  ///     that was asked.
  ///   - onChange: called when tokens have changed.
  ///   - onForgotten: called with a node that is let in no more, as the token that it joined with was
  ///     revoked.
  public init(
    store: any AccessStore, issuer: any CertificateIssuer, rules: CertificateRules,
    attachAddresses: @escaping @Sendable () -> [String],
    onChange: @escaping @Sendable () -> Void = {},
    onForgotten: @escaping @Sendable (NodeID) -> Void = { _ in },
    clock: any HostClock, logger: Logger
  ) {
    self.onChange = onChange
    self.onForgotten = onForgotten
    self.store = store
    self.issuer = issuer
    self.rules = rules
    self.attachAddresses = attachAddresses
    self.clock = clock
    self.logger = logger
    authorities = issuer.authorities
  }

  public nonisolated var now: WallInstant { clock.now().wall }

  public func holder(of token: String) async throws(Problem) -> TokenHolder {
    let token = try AccessToken(token, for: .user)
    let now = clock.now().wall
    guard let user = try await knownUsers()[Self.hash(token.secret)] else {
      throw Problem(
        .refused, code: "token_unknown", "this token is not known here",
        next: token.authority == issuer.fingerprint
          ? "Ask an admin for a new one." : "It is of another cluster: see that --server is right.")
    }
    try UserTokenRules.check(user, at: now)
    note(user, at: now)
    return TokenHolder(name: user.name, role: user.role)
  }

  private func knownUsers() async throws(Problem) -> [KeptHash: UserToken] {
    if let users { return users }
    let before = changes
    let read = try await store.access(of: nil).users
    let byHash = Dictionary(read.map { ($0.hash, $0) }) { first, _ in first }
    // What was read before a change, and comes after it, is not to be remembered.
    if changes == before { users = byHash }
    return byHash
  }

  private func forgetUsers() {
    changes += 1
    users = nil
  }

  /// When it was used last: to the hour, and nobody waits for it.
  private func note(_ user: UserToken, at now: WallInstant) {
    if let last = user.lastUsedAt, now - last < UserTokenRules.useResolution { return }
    guard noting.insert(user.name).inserted else { return }
    Task { await self.write(use: user, at: now) }
  }

  private func write(use user: UserToken, at now: WallInstant) async {
    do throws(Problem) {
      _ = try await store.changeAccess(of: nil) { (known) throws(Problem) in
        guard var there = known.users.first(where: { $0.hash == user.hash }) else { return [] }
        there.lastUsedAt = now
        return [.putUser(there)]
      }
    } catch {
      logger.warning("the use of a token is not on record", metadata: ["problem": "\(error)"])
    }
    noting.remove(user.name)
    forgetUsers()
  }

  public func refused(
    _ problem: Problem, to principal: Principal, from address: String, subject: String
  ) async -> Problem {
    let now = clock.now()
    guard limits.refuse(address, at: now.monotonic) else {
      return RefusalLimits.tooMany(from: address)
    }
    guard let unrecorded = limits.recordRefusal(at: now.monotonic) else { return problem }
    let event = SecurityEvent(
      kind: .accessRefused, at: now.wall, principal: principal, namespace: .default,
      subject: subject, reason: problem.code,
      detail: "from \(address): \(problem.message)"
        + (unrecorded > 0 ? "; \(unrecorded) refusals before are not on record" : ""))
    do throws(Problem) {
      _ = try await store.changeAccess(of: nil) { (_) throws(Problem) in
        [.appendSecurityEvent(event)]
      }
    } catch {
      logger.error("a refusal is not on record", metadata: ["problem": "\(error)"])
    }
    return problem
  }

  public func createUserToken(
    _ name: TokenName, role: Role, life: Duration?, by caller: Caller
  ) async throws(Problem) -> CreatedToken {
    if let life { try Self.check(life, UserTokenRules.allowedLife) }
    let token = newToken(.user)
    let now = clock.now().wall
    let kept = UserToken(
      name: name, hash: Self.hash(token.secret), role: role, createdAt: now,
      createdBy: caller.principal, expiresAt: life.map { now + $0 })
    try await change { (known) throws(Problem) in try UserTokenRules.create(kept, known: known) }
    return CreatedToken(name: name, token: token, expiresAt: kept.expiresAt)
  }

  /// Sees to it that a token which lies in a file counts, with a role; another of its name counts no more.
  ///
  /// - Throws: ``Problem`` `token_revoked` when it was revoked.
  public func ensure(_ token: AccessToken, named name: TokenName, role: Role) async throws(Problem)
  {
    let hash = Self.hash(token.secret)
    let now = clock.now().wall
    try await change { (known) throws(Problem) in
      if let there = known.users.first(where: { $0.hash == hash }) {
        try UserTokenRules.check(there, at: now)
        return []
      }
      return try UserTokenRules.replace(
        UserToken(
          name: name, hash: hash, role: role, createdAt: now, createdBy: .system, expiresAt: nil),
        known: known)
    }
  }

  public func createJoinToken(
    _ node: NodeID?, life: Duration, by caller: Caller
  ) async throws(Problem) -> CreatedToken {
    try Self.check(life, JoinRules.allowedLife)
    let token = newToken(.join)
    let hash = Self.hash(token.secret)
    let now = clock.now().wall
    let kept = JoinToken(
      name: TokenName(unchecked: UserTokenRules.joinPrefix + hash.text.prefix(8)), hash: hash,
      node: node, createdAt: now, createdBy: caller.principal, expiresAt: now + life)
    try await change { (known) throws(Problem) in try JoinRules.create(kept, known: known) }
    return CreatedToken(name: kept.name, token: token, expiresAt: kept.expiresAt)
  }

  public func tokens(for caller: Caller) async throws(Problem) -> AccessSnapshot {
    try await store.access(of: nil)
  }

  public func revokeToken(_ name: TokenName, by caller: Caller) async throws(Problem) {
    let now = clock.now().wall
    // Which node a token let in never changes.
    let node = try await store.access(of: nil).joins.first { $0.name == name }?.use?.node
    try await change(of: node) { (known) throws(Problem) in
      try UserTokenRules.revoke(name, by: caller.principal, known: known, at: now)
    }
  }

  private func change(
    of node: NodeID? = nil,
    _ decide: @escaping @Sendable (AccessSnapshot) throws(Problem) -> [AccessChange]
  ) async throws(Problem) {
    // Also when it failed: who knows what of it is there.
    defer {
      forgetUsers()
      onChange()
    }
    let changes = try await store.changeAccess(of: node, decide)
    for case .forgetNode(let forgotten) in changes { onForgotten(forgotten) }
  }

  /// A token of this cluster with a new secret.
  public nonisolated func newToken(_ purpose: AccessToken.Purpose) -> AccessToken {
    var random = SystemRandomNumberGenerator()
    let secret = (0..<AccessToken.secretLength).map { _ in UInt8.random(in: 0...255, using: &random)
    }
    return AccessToken(purpose, authority: issuer.fingerprint, secret: secret)
  }

  static func hash(_ bytes: [UInt8]) -> KeptHash {
    KeptHash(sha256: Array(SHA256.hash(data: bytes)))
  }

  private static func check(_ life: Duration, _ allowed: ClosedRange<Duration>) throws(Problem) {
    guard allowed.contains(life) else {
      throw Problem(
        .invalidInput, code: "token_life_invalid", "a token cannot hold for \(life)",
        next: "Choose a time up to \(allowed.upperBound.components.seconds / 86_400) days.")
    }
  }

  func issued(_ chain: [[UInt8]]) -> IssuedCertificate {
    IssuedCertificate(
      chain: chain, authorities: issuer.authorities, attachAddresses: attachAddresses())
  }
}
