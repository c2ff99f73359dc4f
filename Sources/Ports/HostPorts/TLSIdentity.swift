public import ClusterModel

/// What one end of a connection between planes shows of itself, and whose word it takes for the other end.
/// Everything is DER.
public struct TLSIdentity: Sendable {
  /// Its own certificate first, then those that lead from it to an authority.
  public var certificateChain: [[UInt8]]
  /// Of the first certificate; PKCS #8.
  public var privateKey: [UInt8]
  /// The certificates of the authorities that are believed: more than one while one replaces another.
  public var authorities: [[UInt8]]

  public init(certificateChain: [[UInt8]], privateKey: [UInt8], authorities: [[UInt8]]) {
    self.certificateChain = certificateChain
    self.privateKey = privateKey
    self.authorities = authorities
  }
}

/// Whoever holds the identity of this end, and renews it in time. Every new connection asks anew.
public protocol IdentitySource: Sendable {
  /// - Throws: ``Problem`` when there is none that still holds.
  func identity() async throws(Problem) -> TLSIdentity
}

/// The names that certificates of a cluster carry.
public enum PlaneName {
  /// What every certificate of a control plane is valid for, wherever it listens: an agent and a client
  /// that know the authority check this name, not an address.
  public static let controlPlane = "control.wasmatrix.internal"
  /// The DNS name that the certificate of a node is valid for.
  public static func node(_ node: NodeID) -> String { "\(node).node.wasmatrix.internal" }
}
