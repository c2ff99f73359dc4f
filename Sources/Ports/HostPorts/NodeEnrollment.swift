public import ClusterModel

/// How a node that has no connection of its own asks the control plane for certificates.
public protocol NodeEnrollment: Sendable {
  /// Joins. The token names the authority that the server must show to be asked at all.
  ///
  /// - Parameter request: PKCS #10, PEM.
  func join(_ node: NodeID, with token: AccessToken, request: String) async throws(Problem)
    -> IssuedCertificate
  /// Renews.
  ///
  /// - Parameters:
  ///   - certificate: the old one, PEM.
  ///   - signature: over the text of `request`, with the old key.
  ///   - authorities: those that the server must belong to; DER.
  func renew(
    _ certificate: String, request: String, signature: [UInt8], trusting authorities: [[UInt8]]
  ) async throws(Problem) -> IssuedCertificate
}
