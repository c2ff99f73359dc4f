/// What is kept of a user's token.
public struct UserToken: Hashable, Sendable, Codable {
  public var name: TokenName
  public var hash: KeptHash
  public var role: Role
  public var createdAt: WallInstant
  public var createdBy: Principal
  /// `nil` when it holds until it is revoked.
  public var expiresAt: WallInstant?
  public var revokedAt: WallInstant?
  /// To the hour, about; `nil` when it was never used.
  public var lastUsedAt: WallInstant?

  public init(
    name: TokenName, hash: KeptHash, role: Role, createdAt: WallInstant, createdBy: Principal,
    expiresAt: WallInstant?
  ) {
    self.name = name
    self.hash = hash
    self.role = role
    self.createdAt = createdAt
    self.createdBy = createdBy
    self.expiresAt = expiresAt
  }
}

/// What is kept of a token that lets one node join, once.
public struct JoinToken: Hashable, Sendable, Codable {
  /// What it was used for. From then on it is good for the same key alone, as the answer may have been lost.
  public struct Use: Hashable, Sendable, Codable {
    public var node: NodeID
    /// Of the public key that got the certificate.
    public var key: KeptHash
    public var at: WallInstant

    public init(node: NodeID, key: KeptHash, at: WallInstant) {
      self.node = node
      self.key = key
      self.at = at
    }
  }

  public var name: TokenName
  public var hash: KeptHash
  /// The only node that it lets in; `nil` for any that is new.
  public var node: NodeID?
  public var createdAt: WallInstant
  public var createdBy: Principal
  public var expiresAt: WallInstant
  public var revokedAt: WallInstant?
  public var use: Use?

  public init(
    name: TokenName, hash: KeptHash, node: NodeID?, createdAt: WallInstant, createdBy: Principal,
    expiresAt: WallInstant
  ) {
    self.name = name
    self.hash = hash
    self.node = node
    self.createdAt = createdAt
    self.createdBy = createdBy
    self.expiresAt = expiresAt
  }
}

/// What is kept of a node that was given a certificate.
public struct EnrolledNode: Hashable, Sendable, Codable {
  public var node: NodeID
  /// When it joined last. Certificates from before count no more.
  public var joinedAt: WallInstant
  /// When its newest certificate expires.
  public var expiresAt: WallInstant

  public init(node: NodeID, joinedAt: WallInstant, expiresAt: WallInstant) {
    self.node = node
    self.joinedAt = joinedAt
    self.expiresAt = expiresAt
  }
}

/// What is kept about who is let in.
public struct AccessSnapshot: Hashable, Sendable {
  /// Sorted by name.
  public var users: [UserToken]
  public var joins: [JoinToken]
  /// The node that was asked for; `nil` when none was, or when nothing is known of it.
  public var node: EnrolledNode?
  /// Whether that node was forgotten since it joined.
  public var isForgotten: Bool
  /// Whether the control plane has met that node, however it came.
  public var isRegistered: Bool

  public init(
    users: [UserToken] = [], joins: [JoinToken] = [], node: EnrolledNode? = nil,
    isForgotten: Bool = false, isRegistered: Bool = false
  ) {
    self.users = users
    self.joins = joins
    self.node = node
    self.isForgotten = isForgotten
    self.isRegistered = isRegistered
  }
}

/// A change to who is let in.
public enum AccessChange: Hashable, Sendable {
  /// Adds it, or replaces the one of the same name.
  case putUser(UserToken)
  case putJoin(JoinToken)
  case removeJoin(TokenName)
  /// Adds it, or replaces what is known of it; it is not forgotten any more.
  case putNode(EnrolledNode)
  /// It renews no more, and is let in no more, until it joins again.
  case forgetNode(NodeID)
  case appendSecurityEvent(SecurityEvent)
}
