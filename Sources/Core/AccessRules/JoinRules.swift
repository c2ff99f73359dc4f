public import ClusterModel

/// A node that wants its first certificate.
public struct JoinRequest: Hashable, Sendable {
  /// Of the token's secret.
  public var token: KeptHash
  public var node: NodeID
  /// Of the public key that the certificate is for.
  public var key: KeptHash

  public init(token: KeptHash, node: NodeID, key: KeptHash) {
    self.token = token
    self.node = node
    self.key = key
  }
}

/// Whom a join token lets in.
///
///     made ──used with a key──> used ──the same key, within its time──> used
///       │                         └──another key──> refused
///       ├──time over──> refused
///       └──revoked──> refused
public enum JoinRules {
  /// Tokens that are kept, used and expired ones included.
  public static let maximumTokens = 1000
  /// How long those are kept that are good for nothing any more, so that a refusal has the right reason.
  public static let keptAfterwards = Duration.seconds(7 * 86_400)
  /// How long a token may hold.
  public static let allowedLife = Duration.seconds(1)...Duration.seconds(30 * 86_400)
  /// Long enough to carry it to a machine, short enough to be forgotten in a log.
  public static let defaultLife = Duration.seconds(3600)

  /// What must be durable before the node gets its certificate.
  ///
  /// - Parameter expires: when that certificate will.
  /// - Throws: ``Problem`` `token_unknown`, `token_expired`, `token_revoked`, `token_used`,
  ///   `token_for_other_node` or `node_name_taken`.
  public static func join(
    _ request: JoinRequest, known: AccessSnapshot, rules: CertificateRules, at now: WallInstant
  ) throws(Problem) -> [AccessChange] {
    guard var token = known.joins.first(where: { $0.hash == request.token }) else {
      throw refusal("token_unknown", "this join token is not known here", request.node)
    }
    guard token.revokedAt == nil else {
      throw refusal("token_revoked", "the join token \(token.name) was revoked", request.node)
    }
    guard now < token.expiresAt else {
      throw refusal(
        "token_expired", "the join token \(token.name) expired at \(token.expiresAt)", request.node)
    }
    guard token.node == nil || token.node == request.node else {
      throw refusal(
        "token_for_other_node", "the join token \(token.name) is not for \(request.node)",
        request.node)
    }
    let expires = now + rules.nodeLife
    if let use = token.use {
      guard use.node == request.node, use.key == request.key else {
        throw refusal(
          "token_used", "the join token \(token.name) was used at \(use.at), with another key",
          request.node)
      }
      // Its answer was lost. Who joined meanwhile with another token is not pushed aside by this one.
      guard !known.isForgotten, known.node?.joinedAt == use.at else {
        throw refusal(
          "token_used", "the join token \(token.name) was used at \(use.at)", request.node)
      }
      return [
        .putNode(EnrolledNode(node: use.node, joinedAt: use.at, expiresAt: expires))
      ]
    }
    try requireFreeName(request.node, token, known, rules, now)
    token.use = JoinToken.Use(node: request.node, key: request.key, at: now)
    return [
      .putJoin(token),
      .putNode(EnrolledNode(node: request.node, joinedAt: now, expiresAt: expires)),
      .appendSecurityEvent(
        SecurityEvent(
          kind: .nodeJoined, at: now, principal: Principal(kind: .node, name: request.node.text),
          namespace: .default, subject: request.node.text, reason: "ok",
          detail: "with the token \(token.name) of \(token.createdBy.name), key \(request.key)")),
    ]
  }

  /// A token for any node lets in none that is there: its holder could take the place of one.
  private static func requireFreeName(
    _ node: NodeID, _ token: JoinToken, _ known: AccessSnapshot, _ rules: CertificateRules,
    _ now: WallInstant
  ) throws(Problem) {
    guard token.node == nil else { return }
    // One that never joined, or was forgotten and is there again, is in the process of the control plane.
    let joined = known.isForgotten ? nil : known.node
    let isTaken = joined.map { now <= $0.expiresAt + rules.grace } ?? known.isRegistered
    guard isTaken else { return }
    throw refusal("node_name_taken", "there is a node \(node) already", node)
  }

  private static func refusal(_ code: String, _ message: String, _ node: NodeID) -> Problem {
    Problem(
      .refused, code: code, message,
      next: "Get a new one with `wasmatrix token create --join --node \(node)`.")
  }

  /// The changes that make a new token, and drop those that nobody needs any more.
  ///
  /// - Throws: ``Problem`` `tokens_too_many`.
  public static func create(
    _ token: JoinToken, known: AccessSnapshot
  ) throws(Problem) -> [AccessChange] {
    let now = token.createdAt
    let stale = known.joins.filter { $0.expiresAt + keptAfterwards < now }
    guard known.joins.count - stale.count < maximumTokens else {
      throw UserTokenRules.tooMany(maximumTokens)
    }
    return stale.map { .removeJoin($0.name) } + [
      .putJoin(token),
      .appendSecurityEvent(
        UserTokenRules.event(
          .tokenCreated, token.name, by: token.createdBy, at: now,
          "to join\(token.node.map { " as \($0)" } ?? ""), until \(token.expiresAt)")),
    ]
  }
}
