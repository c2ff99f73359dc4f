public import ClusterModel
public import HostPorts

/// Certificates as text (RFC 7468).
public enum PEM {
  public static let type = "application/pem-certificate-chain"
  /// Digits of base64 in a line.
  private static let width = 64

  public static func certificates(_ chain: [[UInt8]]) -> String {
    chain.map { bytes in
      var lines = ["-----BEGIN CERTIFICATE-----"]
      var rest = Base64.encode(bytes)[...]
      while !rest.isEmpty {
        lines.append(String(rest.prefix(width)))
        rest = rest.dropFirst(width)
      }
      return (lines + ["-----END CERTIFICATE-----", ""]).joined(separator: "\n")
    }.joined()
  }
}

/// The body of `POST /v1/join`.
public struct JoinNodeRequest: Hashable, Sendable, Codable {
  public var token: String
  public var node: NodeID
  /// PKCS #10, PEM; its common name is that of the node.
  public var request: String
  public init(token: String, node: NodeID, request: String) {
    self.token = token
    self.node = node
    self.request = request
  }
}

/// The body of `POST /v1/renew`.
public struct RenewCertificateRequest: Hashable, Sendable, Codable {
  /// The certificate so far, PEM.
  public var certificate: String
  /// PKCS #10, PEM, for the same name.
  public var request: String
  /// Base64 of ECDSA with SHA-256 (DER) over the text of `request`, with the key of `certificate`.
  public var signature: String
  public init(certificate: String, request: String, signature: [UInt8]) {
    self.certificate = certificate
    self.request = request
    self.signature = Base64.encode(signature)
  }
}

/// What a node gets.
public struct IssuedCertificateResource: Hashable, Sendable, Codable {
  /// PEM; its own certificate first.
  public var certificate: String
  /// PEM; those to believe.
  public var authorities: String
  /// Where agents attach: `10.0.0.1:7443`.
  public var attachAddresses: [String]
  public init(_ issued: IssuedCertificate) {
    certificate = PEM.certificates(issued.chain)
    authorities = PEM.certificates(issued.authorities)
    attachAddresses = issued.attachAddresses
  }
}

/// The body of `POST /v1/tokens`.
public struct CreateTokenRequest: Hashable, Sendable, Codable {
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable { case user, join }
  public var kind: Kind
  /// Of a user's token.
  public var name: TokenName?
  /// Of a user's token.
  public var role: Role?
  /// Of a join token: the only node that it lets in.
  public var node: NodeID?
  /// How long it holds; without it a user's token holds until it is revoked, a join token for an hour.
  public var seconds: Int?
  public init(
    kind: Kind, name: TokenName? = nil, role: Role? = nil, node: NodeID? = nil, seconds: Int? = nil
  ) {
    self.kind = kind
    self.name = name
    self.role = role
    self.node = node
    self.seconds = seconds
  }
}

/// A token that was just made.
public struct CreatedTokenResource: Hashable, Sendable, Codable {
  public var name: TokenName
  /// The token itself; it is told this once.
  public var token: String
  public var expiresAt: WallInstant?
  public init(_ created: CreatedToken) {
    name = created.name
    token = created.token.text
    expiresAt = created.expiresAt
  }
}

/// What is known of a token.
public struct TokenResource: Hashable, Sendable, Codable {
  public enum State: String, Hashable, Sendable, Codable, CaseIterable {
    case good, used, expired, revoked
  }
  public var name: TokenName
  public var kind: CreateTokenRequest.Kind
  public var state: State
  public var role: Role?
  /// Of a join token: the node that it is for, or that it was used by.
  public var node: NodeID?
  public var createdAt: WallInstant
  public var createdBy: Principal
  public var expiresAt: WallInstant?
  /// Of a user's token to the hour.
  public var lastUsedAt: WallInstant?

  public init(_ token: UserToken, at now: WallInstant) {
    name = token.name
    kind = .user
    role = token.role
    createdAt = token.createdAt
    createdBy = token.createdBy
    expiresAt = token.expiresAt
    lastUsedAt = token.lastUsedAt
    state =
      token.revokedAt != nil
      ? .revoked : token.expiresAt.map { $0 <= now } == true ? .expired : .good
  }

  public init(_ token: JoinToken, at now: WallInstant) {
    name = token.name
    kind = .join
    node = token.use?.node ?? token.node
    createdAt = token.createdAt
    createdBy = token.createdBy
    expiresAt = token.expiresAt
    lastUsedAt = token.use?.at
    state =
      token.revokedAt != nil
      ? .revoked : token.use != nil ? .used : token.expiresAt <= now ? .expired : .good
  }
}

extension APILimits {
  /// A request of a node: two certificates' worth of text.
  public static let nodeRequest = ByteCount.kibibytes(64)
}
