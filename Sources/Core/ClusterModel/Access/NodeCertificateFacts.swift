/// What a certificate of ours says of its node.
public struct NodeCertificateFacts: Hashable, Sendable {
  public var node: NodeID
  /// Whole seconds: certificates know no others.
  public var issuedAt: WallInstant
  public var expiresAt: WallInstant

  public init(node: NodeID, issuedAt: WallInstant, expiresAt: WallInstant) {
    self.node = node
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
  }
}

extension WallInstant {
  /// This time without its fraction, as a certificate says it.
  public var wholeSecond: WallInstant {
    WallInstant(microseconds: microseconds - (microseconds % 1_000_000 + 1_000_000) % 1_000_000)
  }
}
