public import ClusterModel

/// The authority of a cluster: it makes certificates, and knows its own again. Certificates are DER.
public protocol CertificateIssuer: Sendable {
  /// The certificates that are believed; the first signs. More than one while one replaces another.
  var authorities: [[UInt8]] { get }
  /// Of the first.
  var fingerprint: AuthorityFingerprint { get }
  /// Reads a request (PKCS #10, PEM) and checks that its sender has the key.
  ///
  /// - Throws: ``Problem`` `certificate_request_invalid`.
  func request(_ pem: String) throws(Problem) -> CertificateRequest
  /// Reads a node's certificate (PEM or the first of a chain) that one of the authorities signed, expired or
  /// not.
  ///
  /// - Throws: ``Problem`` `certificate_invalid` or `certificate_foreign`.
  func nodeCertificate(_ pem: String) throws(Problem) -> NodeCertificateFacts
  /// The same, DER.
  func nodeCertificate(der: [UInt8]) throws(Problem) -> NodeCertificateFacts
  /// Whether `signature` (ECDSA with SHA-256, DER) over the text of the request was made with the key of the
  /// certificate.
  func isSigned(_ request: String, by signature: [UInt8], keyOf certificate: String) -> Bool
  /// Issues a certificate for a node.
  ///
  /// - Returns: it, then those that lead from it to an authority.
  func issue(
    for request: CertificateRequest, at now: WallInstant, life: Duration
  ) throws(Problem) -> [[UInt8]]
}

/// A request for a node's certificate.
public struct CertificateRequest: Hashable, Sendable {
  /// The name that it asks for.
  public var node: NodeID
  /// The public key, DER (SubjectPublicKeyInfo).
  public var publicKey: [UInt8]
  /// Of that.
  public var keyHash: KeptHash

  public init(node: NodeID, publicKey: [UInt8], keyHash: KeptHash) {
    self.node = node
    self.publicKey = publicKey
    self.keyHash = keyHash
  }
}
