import ClusterModel
import Crypto
import Foundation
import HostPorts
import SwiftASN1
import X509

/// The key of a node, and what it signs.
struct NodeKey: Sendable {
  let key: P256.Signing.PrivateKey

  init() { key = P256.Signing.PrivateKey() }

  init(pem: String) throws(Problem) {
    do { key = try P256.Signing.PrivateKey(pemRepresentation: pem) } catch {
      throw Problem(
        .internalFault, code: "identity_damaged", "the node's key cannot be read",
        cause: "\(error)",
        next: "Remove the folder of its identity, and join again with a new token.")
    }
  }

  var pem: String { key.pemRepresentation }
  /// PKCS #8.
  var der: [UInt8] { Array(key.derRepresentation) }

  /// PKCS #10, PEM.
  func request(for node: NodeID) throws(Problem) -> String {
    do {
      return try CertificateSigningRequest(
        version: .v1, subject: try DistinguishedName { CommonName(node.text) },
        privateKey: Certificate.PrivateKey(key),
        attributes: CertificateSigningRequest.Attributes(), signatureAlgorithm: .ecdsaWithSHA256
      ).serializeAsPEM().pemString
    } catch { throw Self.unusable(error) }
  }

  func signature(over text: String) throws(Problem) -> [UInt8] {
    do { return Array(try key.signature(for: Data(text.utf8)).derRepresentation) } catch {
      throw Self.unusable(error)
    }
  }

  /// Checks an answer before anything of it is believed: the certificate is for this key and this node, and
  /// signed by one of the authorities.
  ///
  /// - Throws: ``Problem`` `answer_untrustworthy`.
  func check(_ answer: IssuedCertificate, for node: NodeID) throws(Problem) -> NodeCertificateFacts
  {
    guard let own = answer.chain.first else { throw Self.untrustworthy("it holds no certificate") }
    let certificate = try PEMText.certificate(der: own)
    let facts = try NodeCertificate.facts(of: certificate)
    guard facts.node == node, certificate.publicKey == Certificate.PublicKey(key.publicKey) else {
      throw Self.untrustworthy("the certificate is for another node or another key")
    }
    for bytes in answer.authorities {
      let authority = try PEMText.certificate(der: bytes)
      if authority.subject == certificate.issuer,
        authority.publicKey.isValidSignature(certificate.signature, for: certificate)
      {
        return facts
      }
    }
    throw Self.untrustworthy("none of the authorities signed the certificate")
  }

  static func untrustworthy(_ cause: String) -> Problem {
    Problem(
      .refused, code: "answer_untrustworthy", "the server's answer cannot be trusted", cause: cause,
      next: "See that the address is that of your control plane.")
  }

  private static func unusable(_ error: any Error) -> Problem {
    Problem(
      .internalFault, code: "key_unusable", "the node's key cannot be used", cause: "\(error)")
  }
}
