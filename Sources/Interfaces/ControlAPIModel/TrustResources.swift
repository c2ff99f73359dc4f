public import ClusterModel

/// A key in the trust store.
public struct TrustedKeyResource: Hashable, Sendable, Codable {
  public var id: KeyID
  /// Base64 of the 33 serialised bytes.
  public var publicKey: String
  public var label: String
  public var addedAt: WallInstant
  /// When it stopped being trusted; absent while it is.
  public var revokedAt: WallInstant?

  public init(_ key: TrustedKey) {
    id = key.id
    publicKey = Base64.encode(key.publicKey)
    label = key.label
    addedAt = key.addedAt
    revokedAt = key.revokedAt
  }
}

/// The body of `POST /v1/trust/keys`.
public struct TrustKeyRequest: Hashable, Sendable, Codable {
  /// Base64 of the 33 serialised bytes.
  public var publicKey: String
  public var label: String
  public init(publicKey: [UInt8], label: String) {
    self.publicKey = Base64.encode(publicKey)
    self.label = label
  }
}

/// A security event, with its place in the sequence (from 0, without gaps).
public struct SecurityEventResource: Hashable, Sendable, Codable {
  public var sequence: Int64
  public var kind: SecurityEvent.Kind
  public var at: WallInstant
  public var principal: Principal
  public var namespace: Namespace
  public var subject: String
  /// A code; `ok` when nothing was refused.
  public var reason: String
  public var detail: String

  public init(_ sequenced: SequencedSecurityEvent) {
    sequence = sequenced.sequence
    kind = sequenced.event.kind
    at = sequenced.event.at
    principal = sequenced.event.principal
    namespace = sequenced.event.namespace
    subject = sequenced.event.subject
    reason = sequenced.event.reason
    detail = sequenced.event.detail
  }
}
