public import ClusterModel

/// How long certificates hold, and when they are renewed.
///
///     issued ─────────────── 2/3 ──────── expires ─────────── + grace
///       │     holds, is used  │  is renewed  │ renews, and is   │ a new token
///       │                     │  meanwhile   │ good for no more │ is needed
public struct CertificateRules: Hashable, Sendable {
  /// Of a node's certificate. Short: a stolen one is worth little, and nothing has to be recalled.
  public var nodeLife: Duration
  /// Of the control plane's own.
  public var controlPlaneLife: Duration
  /// How long after it expired a node's certificate is still good for getting a new one.
  public var grace: Duration

  /// A certificate is valid from so long before it was issued, for clocks that are behind.
  public static let backdating = Duration.seconds(300)
  public static let allowedLife = Duration.seconds(2)...Duration.seconds(90 * 86_400)
  public static let allowedGrace = Duration.zero...Duration.seconds(90 * 86_400)

  /// - Parameters: default: a day, a day, 7 days.
  public init(
    nodeLife: Duration = .seconds(86_400), controlPlaneLife: Duration = .seconds(86_400),
    grace: Duration = .seconds(7 * 86_400)
  ) {
    self.nodeLife = nodeLife
    self.controlPlaneLife = controlPlaneLife
    self.grace = grace
  }

  /// When a certificate is to be renewed: with a third of its life left.
  public static func renewal(issued: WallInstant, expires: WallInstant) -> WallInstant {
    issued + (expires - issued) * 2 / 3
  }

  /// Whether a node may renew, with a certificate of ours that is not forged.
  ///
  /// - Throws: ``Problem`` `certificate_expired`, `certificate_not_yet_valid`, `node_forgotten` or
  ///   `certificate_superseded`.
  func mayRenew(
    _ certificate: NodeCertificateFacts, known: AccessSnapshot, at now: WallInstant
  ) throws(Problem) {
    let node = certificate.node
    try requireNotTooLate(node, certificate.expiresAt, at: now)
    guard certificate.issuedAt <= now + Self.backdating else {
      throw Problem(
        .refused, code: "certificate_not_yet_valid",
        "the certificate of \(node) was issued in the future", next: "Set the clocks right.")
    }
    try Self.checkStanding(certificate, known: known)
  }

  /// Whether a node may be attached over a connection for which it showed this certificate. Connections outlive
  /// certificates: it may go on for as long as it can renew the newest that it was given.
  ///
  /// - Throws: ``Problem`` `certificate_expired`, `node_forgotten` or `certificate_superseded`.
  public func mayBeAttached(
    _ certificate: NodeCertificateFacts, known: AccessSnapshot, at now: WallInstant
  ) throws(Problem) {
    try Self.checkStanding(certificate, known: known)
    let newest = max(known.node?.expiresAt ?? certificate.expiresAt, certificate.expiresAt)
    try requireNotTooLate(certificate.node, newest, at: now)
  }

  private func requireNotTooLate(
    _ node: NodeID, _ expiresAt: WallInstant, at now: WallInstant
  ) throws(Problem) {
    guard now <= expiresAt + grace else {
      throw Problem(
        .refused, code: "certificate_expired",
        "the certificate of \(node) expired at \(expiresAt), too long ago to be renewed",
        next: "Join again with a new token: `wasmatrix token create --join --node \(node)`.")
    }
  }

  /// Whether a node that shows a certificate is still one of ours.
  ///
  /// - Throws: ``Problem`` `node_forgotten` or `certificate_superseded`.
  static func checkStanding(
    _ certificate: NodeCertificateFacts, known: AccessSnapshot
  ) throws(Problem) {
    let node = certificate.node
    guard !known.isForgotten else {
      throw Problem(
        .refused, code: "node_forgotten", "the node \(node) was forgotten",
        next: "Join again with a new token: `wasmatrix token create --join --node \(node)`.")
    }
    // Nothing is known of one that joined after the backup that was restored: the signature is ours.
    if let joined = known.node?.joinedAt, certificate.issuedAt < joined.wholeSecond {
      throw Problem(
        .refused, code: "certificate_superseded",
        "the node \(node) joined again after this certificate was issued",
        next: "Use the newer one, or join again with a new token.")
    }
  }

  /// The changes that a renewal makes durable before the node gets its certificate.
  ///
  /// - Throws: what ``mayRenew(_:known:at:)`` throws.
  public func renew(
    _ certificate: NodeCertificateFacts, known: AccessSnapshot, at now: WallInstant
  ) throws(Problem) -> [AccessChange] {
    try mayRenew(certificate, known: known, at: now)
    let node = certificate.node
    return [
      .putNode(
        EnrolledNode(
          node: node, joinedAt: known.node?.joinedAt ?? certificate.issuedAt,
          expiresAt: now + nodeLife)),
      .appendSecurityEvent(
        SecurityEvent(
          kind: .certificateRenewed, at: now, principal: Principal(kind: .node, name: node.text),
          namespace: .default, subject: node.text, reason: "ok",
          detail: "until \((now + nodeLife).wholeSecond)")),
    ]
  }
}
