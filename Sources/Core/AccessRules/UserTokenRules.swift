public import ClusterModel

/// Whom a user's token lets in, and how tokens come and go.
public enum UserTokenRules {
  /// Tokens that are kept, revoked ones included.
  public static let maximumTokens = 1000
  /// How long a token may hold, if it is to expire.
  public static let allowedLife = Duration.seconds(1)...Duration.seconds(10 * 365 * 86_400)
  /// How exactly it is known when a token was used last: each time would be a write.
  public static let useResolution = Duration.seconds(3600)
  /// Begins the names of join tokens.
  public static let joinPrefix = "join-"
  /// Names of others who ask.
  private static let reserved: Set<String> = [
    Principal.local.name, Principal.system.name, Principal.stranger.name,
  ]

  /// - Throws: ``Problem`` `token_revoked` or `token_expired` when it counts no more.
  public static func check(_ token: UserToken, at now: WallInstant) throws(Problem) {
    guard token.revokedAt == nil else {
      throw Problem(
        .refused, code: "token_revoked", "the token \(token.name) was revoked",
        next: "Ask an admin for a new one.")
    }
    if let expires = token.expiresAt, expires <= now {
      throw Problem(
        .refused, code: "token_expired", "the token \(token.name) expired at \(expires)",
        next: "Ask an admin for a new one.")
    }
  }

  /// - Throws: ``Problem`` `role_insufficient`.
  public static func require(_ needed: Role, of role: Role, _ name: String) throws(Problem) {
    guard role.allows(needed) else {
      throw Problem(
        .refused, code: "role_insufficient",
        "this needs the role \(needed.rawValue); the token \(name) has \(role.rawValue)",
        next: "Use a token with the role \(needed.rawValue); an admin makes one with "
          + "`wasmatrix token create --role \(needed.rawValue) --name NAME`.")
    }
  }

  /// The changes that make a new token. The name of one that counts no more may be used again.
  ///
  /// - Throws: ``Problem`` `token_exists`, `token_name_reserved` or `tokens_too_many`.
  public static func create(
    _ token: UserToken, known: AccessSnapshot
  ) throws(Problem) -> [AccessChange] {
    guard !reserved.contains(token.name.text), !token.name.text.hasPrefix(joinPrefix) else {
      throw Problem(
        .invalidInput, code: "token_name_reserved", "a user's token cannot be named \(token.name)",
        next: "Choose another name.")
    }
    let there = known.users.first { $0.name == token.name }
    if let there, isGood(there, at: token.createdAt) {
      throw Problem(
        .conflict, code: "token_exists", "there is a token \(token.name) already",
        next: "Choose another name, or revoke that with `wasmatrix token revoke \(token.name)`.")
    }
    guard there != nil || known.users.count < maximumTokens else { throw tooMany(maximumTokens) }
    return [
      .putUser(token),
      .appendSecurityEvent(
        event(
          .tokenCreated, token.name, by: token.createdBy, at: token.createdAt,
          "\(token.role.rawValue)\(token.expiresAt.map { ", until \($0)" } ?? "")")),
    ]
  }

  /// The changes that make a token in place of any other of its name.
  ///
  /// - Throws: what ``create(_:known:)`` throws.
  public static func replace(
    _ token: UserToken, known: AccessSnapshot
  ) throws(Problem) -> [AccessChange] {
    var others = known
    others.users.removeAll { $0.name == token.name }
    let replaced = known.users.contains { $0.name == token.name && isGood($0, at: token.createdAt) }
    let revocation = AccessChange.appendSecurityEvent(
      event(.tokenRevoked, token.name, by: token.createdBy, at: token.createdAt, "replaced"))
    return (replaced ? [revocation] : []) + (try create(token, known: others))
  }

  private static func isGood(_ token: UserToken, at now: WallInstant) -> Bool {
    do throws(Problem) {
      try check(token, at: now)
      return true
    } catch {
      return false
    }
  }

  /// The changes that revoke a token of either kind. With a join token that was used goes the node that it let
  /// in. Revoking again is fine.
  ///
  /// - Parameter known: of that node, too.
  /// - Throws: ``Problem`` `token_unknown`.
  public static func revoke(
    _ name: TokenName, by principal: Principal, known: AccessSnapshot, at now: WallInstant
  ) throws(Problem) -> [AccessChange] {
    let event = AccessChange.appendSecurityEvent(
      event(.tokenRevoked, name, by: principal, at: now, ""))
    if var user = known.users.first(where: { $0.name == name }) {
      guard user.revokedAt == nil else { return [] }
      user.revokedAt = now
      return [.putUser(user), event]
    }
    if var join = known.joins.first(where: { $0.name == name }) {
      guard join.revokedAt == nil else { return [] }
      join.revokedAt = now
      // Whoever joined with it, and not anew with another since then, was not meant to.
      let joined = join.use.flatMap { use in
        known.node?.node == use.node && known.node?.joinedAt == use.at ? use.node : nil
      }
      return [.putJoin(join), event] + (joined.map { [.forgetNode($0)] } ?? [])
    }
    throw Problem(
      .notFound, code: "token_unknown", "there is no token \(name)",
      next: "See which there are with `wasmatrix token list`.")
  }

  static func tooMany(_ maximum: Int) -> Problem {
    Problem(
      .conflict, code: "tokens_too_many", "there are \(maximum) tokens, which is the most",
      next: "Give names again of tokens that were revoked, or wait until join tokens have expired.")
  }

  static func event(
    _ kind: SecurityEvent.Kind, _ name: TokenName, by principal: Principal, at now: WallInstant,
    _ detail: String
  ) -> SecurityEvent {
    SecurityEvent(
      kind: kind, at: now, principal: principal, namespace: .default, subject: name.text,
      reason: "ok", detail: detail)
  }
}
