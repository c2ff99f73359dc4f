/// One immutable, signed state of a module in the registry.
public struct ModuleVersionRecord: Hashable, Sendable, Codable {
  public var namespace: Namespace
  public var name: ModuleName
  public var version: ModuleVersion
  /// What it is: the SHA-256 of the module without its signature section.
  public var digest: ModuleDigest
  /// The size of the module without its signature section.
  public var size: ByteCount
  /// The keys whose signatures were checked when it was pushed, sorted. Never empty.
  public var signers: [KeyID]
  /// The signature data in the form of the WebAssembly tool-conventions, so that nodes check again.
  @DocumentBytes public var signature: [UInt8]
  public var pushedAt: WallInstant
  public var pushedBy: Principal

  public init(
    namespace: Namespace, name: ModuleName, version: ModuleVersion, digest: ModuleDigest,
    size: ByteCount, signers: [KeyID], signature: [UInt8], pushedAt: WallInstant,
    pushedBy: Principal
  ) {
    self.namespace = namespace
    self.name = name
    self.version = version
    self.digest = digest
    self.size = size
    self.signers = signers.sorted()
    self.signature = signature
    self.pushedAt = pushedAt
    self.pushedBy = pushedBy
  }

  public var reference: VersionReference { VersionReference(module: name, version: version) }
}

/// A public key in the trust store.
public struct TrustedKey: Hashable, Sendable, Codable {
  public var id: KeyID
  /// The 33 serialised bytes: `0x01`, then the Ed25519 public key.
  @DocumentBytes public var publicKey: [UInt8]
  /// For people: `alice`, `ci`.
  public var label: String
  public var addedAt: WallInstant
  /// When it stopped being trusted; `nil` while it is. A revoked key is kept so that what it signed
  /// is refused with the right reason, and cannot be added again.
  public var revokedAt: WallInstant?

  public init(
    id: KeyID, publicKey: [UInt8], label: String, addedAt: WallInstant,
    revokedAt: WallInstant? = nil
  ) {
    self.id = id
    self.publicKey = publicKey
    self.label = label
    self.addedAt = addedAt
    self.revokedAt = revokedAt
  }
}

/// Something the security of the cluster depends on happened. The sequence number is given by the
/// store that keeps it, from 0 on, without gaps.
public struct SecurityEvent: Hashable, Sendable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case moduleRefused, moduleAccepted, keyTrusted, keyRevoked, deploymentChanged
    case deploymentRemoved, placementRefused, requestRefused, nodeChanged
    case capabilityDenied
    case moduleStartedByHand, moduleStoppedByHand
    case tokenCreated, tokenRevoked, nodeJoined, certificateRenewed, accessRefused
  }

  public var kind: Kind
  public var at: WallInstant
  public var principal: Principal
  public var namespace: Namespace
  /// What it is about: `clean@1.2.0`, a key id, a path.
  public var subject: String
  /// The code of the reason: `signature_missing`; `ok` when nothing was refused.
  public var reason: String
  /// The reason for people.
  public var detail: String

  public init(
    kind: Kind, at: WallInstant, principal: Principal, namespace: Namespace, subject: String,
    reason: String, detail: String
  ) {
    self.kind = kind
    self.at = at
    self.principal = principal
    self.namespace = namespace
    self.subject = subject
    self.reason = reason
    self.detail = detail
  }
}

/// A ``SecurityEvent`` with its place in the sequence.
public struct SequencedSecurityEvent: Hashable, Sendable, Codable {
  public var sequence: Int64
  public var event: SecurityEvent
  public init(sequence: Int64, event: SecurityEvent) {
    self.sequence = sequence
    self.event = event
  }
}
