import AccessRules
public import ClusterModel
import Crypto
import Foundation
public import HostPorts
import SwiftASN1
import X509

/// The certificate authority of a cluster, kept in the folder `authority/` of its data folder: an ECDSA key on
/// the curve P-256, and the certificates that are believed.
public final class ClusterAuthority: CertificateIssuer, PlanSealer {
  public let authorities: [[UInt8]]
  public let fingerprint: AuthorityFingerprint
  private let key: P256.Signing.PrivateKey
  private let certificates: [Certificate]

  /// Longer than any request of ours.
  private static let longestRequest = 16 << 10

  /// Opens the authority, and makes it at the first start. Blocks.
  ///
  /// - Parameter dataFolder: is there, and nobody else's.
  /// - Throws: ``Problem`` `authority_incomplete`, `authority_damaged`, or what the disk says.
  public init(in dataFolder: String, at now: WallInstant) throws(Problem) {
    let content = try AuthorityFolder.load(in: dataFolder, at: now)
    key = content.key
    certificates = content.certificates
    authorities = try content.certificates.map { (certificate) throws(Problem) in
      try certificate.der()
    }
    fingerprint = AuthorityFingerprint(sha256: Array(SHA256.hash(data: authorities[0])))
  }

  public func request(_ pem: String) throws(Problem) -> CertificateRequest {
    do {
      guard pem.utf8.count <= Self.longestRequest else {
        throw Self.invalidRequest("it is too long")
      }
      let request = try CertificateSigningRequest(pemEncoded: pem)
      guard let publicKey = P256.Signing.PublicKey(request.publicKey) else {
        throw Self.invalidRequest("its key is not one on the curve P-256")
      }
      guard request.publicKey.isValidSignature(request.signature, for: request) else {
        throw Self.invalidRequest("it is not signed with its own key")
      }
      // What is wrong with a name is said by the refusal below.
      guard let name = NodeCertificate.commonName(of: request.subject),
        let node = try? NodeID(name)
      else { throw Self.invalidRequest("its common name is not the name of a node") }
      let bytes = Array(publicKey.derRepresentation)
      return CertificateRequest(
        node: node, publicKey: bytes, keyHash: KeptHash(sha256: Array(SHA256.hash(data: bytes))))
    } catch {
      throw (error as? Problem) ?? Self.invalidRequest("\(error)")
    }
  }

  public func nodeCertificate(_ pem: String) throws(Problem) -> NodeCertificateFacts {
    guard let certificate = try PEMText.certificates(pem).first else {
      throw PEMText.invalid("it holds none")
    }
    return try facts(of: certificate)
  }

  public func nodeCertificate(der: [UInt8]) throws(Problem) -> NodeCertificateFacts {
    try facts(of: PEMText.certificate(der: der))
  }

  private func facts(of certificate: Certificate) throws(Problem) -> NodeCertificateFacts {
    guard isOurs(certificate) else {
      throw Problem(
        .refused, code: "certificate_foreign",
        "the certificate was not issued by the authority of this cluster",
        next: "Join with a token: `wasmatrix token create --join`.")
    }
    return try NodeCertificate.facts(of: certificate)
  }

  public func isSigned(
    _ request: String, by signature: [UInt8], keyOf certificate: String
  ) -> Bool {
    // What is no certificate, or no signature, signs nothing.
    guard let certificate = try? PEMText.certificates(certificate).first,
      let key = P256.Signing.PublicKey(certificate.publicKey),
      let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature)
    else { return false }
    return key.isValidSignature(signature, for: Data(request.utf8))
  }

  public func issue(
    for request: CertificateRequest, at now: WallInstant, life: Duration
  ) throws(Problem) -> [[UInt8]] {
    do {
      let publicKey = try P256.Signing.PublicKey(derRepresentation: request.publicKey)
      return try issue(
        request.node.text, names: [PlaneName.node(request.node)],
        key: Certificate.PublicKey(publicKey), at: now, life: life)
    } catch {
      throw (error as? Problem) ?? Self.unissuable(error)
    }
  }

  /// The control plane's own.
  func issueControlPlane(
    _ publicKey: P256.Signing.PublicKey, names: [String], at now: WallInstant, life: Duration
  ) throws(Problem) -> [[UInt8]] {
    try issue(
      PlaneName.controlPlane, names: names, key: Certificate.PublicKey(publicKey), at: now,
      life: life)
  }

  private func issue(
    _ commonName: String, names: [String], key subject: Certificate.PublicKey,
    at now: WallInstant, life: Duration
  ) throws(Problem) -> [[UInt8]] {
    let certificate: Certificate
    do {
      certificate = try CertificateTemplate.member(
        commonName, names: names, key: subject, signedBy: certificates[0], key, at: now, life: life)
    } catch {
      throw Self.unissuable(error)
    }
    return [try certificate.der()]
  }

  public func seal(_ statement: [UInt8]) throws(Problem) -> PlanSeal {
    do {
      return PlanSeal(
        statement: statement, authority: fingerprint,
        signature: Array(
          try key.signature(for: PlanSeal.signed(statement)).derRepresentation))
    } catch {
      throw Problem(
        .internalFault, code: "standing_plan_unsealed", "a standing plan cannot be signed",
        cause: "\(error)")
    }
  }

  private func isOurs(_ certificate: Certificate) -> Bool {
    certificates.contains { authority in
      authority.subject == certificate.issuer
        && authority.publicKey.isValidSignature(certificate.signature, for: certificate)
    }
  }

  private static func unissuable(_ error: any Error) -> Problem {
    Problem(
      .internalFault, code: "certificate_unissuable", "the certificate cannot be made",
      cause: "\(error)")
  }

  private static func invalidRequest(_ cause: String) -> Problem {
    Problem(
      .invalidInput, code: "certificate_request_invalid",
      "the request for a certificate is not one that can be answered", cause: cause,
      next: "Send PKCS #10 in PEM, for a P-256 key, with the node's name as common name.")
  }
}
