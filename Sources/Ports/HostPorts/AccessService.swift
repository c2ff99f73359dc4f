public import ClusterModel

/// Who holds the tokens that callers show.
public protocol TokenService: Sendable {
  /// Who holds a user's token.
  ///
  /// - Throws: ``Problem`` `token_malformed`, `token_unknown`, `token_expired`, `token_revoked`.
  func holder(of token: String) async throws(Problem) -> TokenHolder
  /// A request was refused because of who asked; it goes on record, as far as that is bounded.
  ///
  /// - Parameters:
  ///   - address: where it came from.
  ///   - subject: what was asked for.
  /// - Returns: what the asker is told: the problem, or to slow down.
  func refused(
    _ problem: Problem, to principal: Principal, from address: String, subject: String
  ) async -> Problem
}

/// Whom a cluster lets in: what the interfaces ask of it.
public protocol AccessService: TokenService {
  /// The certificates of the authorities, DER.
  var authorities: [[UInt8]] { get }
  /// The time by which tokens expire.
  var now: WallInstant { get }

  /// Lets a node in.
  ///
  /// - Parameters:
  ///   - request: PKCS #10, PEM.
  /// - Throws: ``Problem``: what ``JoinRules`` says, or `certificate_request_invalid`.
  func join(_ node: NodeID, with token: String, request: String) async throws(Problem)
    -> IssuedCertificate
  /// Gives a node a new certificate for its old one.
  ///
  /// - Parameters:
  ///   - certificate: the old one, PEM.
  ///   - request: PKCS #10, PEM, for the same name.
  ///   - signature: over the text of `request`, with the old key; ECDSA with SHA-256, DER.
  func renew(_ certificate: String, request: String, signature: [UInt8]) async throws(Problem)
    -> IssuedCertificate
  /// Whether the node that shows this certificate (DER) is let in: not one that was forgotten. The
  /// connection has checked who signed it and that it holds.
  ///
  /// - Returns: its name.
  /// - Throws: ``Problem`` `certificate_invalid`, `node_forgotten`, `certificate_superseded`.
  func admit(_ certificate: [UInt8]) async throws(Problem) -> NodeID

  /// Makes a user's token.
  ///
  /// - Parameter life: `nil` for one that holds until it is revoked.
  func createUserToken(
    _ name: TokenName, role: Role, life: Duration?, by caller: Caller
  ) async throws(Problem) -> CreatedToken
  /// Makes a token that lets one node join.
  ///
  /// - Parameter node: the only one; `nil` for any that is new.
  func createJoinToken(_ node: NodeID?, life: Duration, by caller: Caller) async throws(Problem)
    -> CreatedToken
  /// All tokens; no secrets.
  func tokens(for caller: Caller) async throws(Problem) -> AccessSnapshot
  /// Revokes a token of either kind.
  func revokeToken(_ name: TokenName, by caller: Caller) async throws(Problem)
}

/// Who holds a token, and what that allows.
public struct TokenHolder: Hashable, Sendable {
  public var name: TokenName
  public var role: Role

  public init(name: TokenName, role: Role) {
    self.name = name
    self.role = role
  }

  public var principal: Principal { Principal(kind: .person, name: name.text) }
}

/// A token that was just made; its text is never seen again.
public struct CreatedToken: Sendable {
  public var name: TokenName
  public var token: AccessToken
  public var expiresAt: WallInstant?

  public init(name: TokenName, token: AccessToken, expiresAt: WallInstant?) {
    self.name = name
    self.token = token
    self.expiresAt = expiresAt
  }
}

/// What a node gets when it joins or renews.
public struct IssuedCertificate: Hashable, Sendable {
  /// Its own certificate first; DER.
  public var chain: [[UInt8]]
  /// Those to believe; DER.
  public var authorities: [[UInt8]]
  /// Where agents attach: `10.0.0.1:7443`.
  public var attachAddresses: [String]

  public init(chain: [[UInt8]], authorities: [[UInt8]], attachAddresses: [String]) {
    self.chain = chain
    self.authorities = authorities
    self.attachAddresses = attachAddresses
  }
}
