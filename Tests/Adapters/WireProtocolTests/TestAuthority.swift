import ClusterModel
import Crypto
import Foundation
import HostPorts
import SwiftASN1
import X509

/// An authority for one test.
struct TestAuthority {
  private let key = P256.Signing.PrivateKey()
  private let name: DistinguishedName
  private let certificate: Certificate

  init(_ name: String = "test") throws {
    self.name = try DistinguishedName { CommonName(name) }
    certificate = try Certificate(
      version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
      notValidBefore: .now - 60, notValidAfter: .now + 3600, issuer: self.name,
      subject: self.name, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        Critical(KeyUsage(keyCertSign: true))
      }, issuerPrivateKey: .init(key))
  }

  func identity(_ common: String, dns: String, expiresIn: TimeInterval = 3600) throws
    -> TestIdentity
  {
    let own = P256.Signing.PrivateKey()
    let issued = try Certificate(
      version: .v3, serialNumber: .init(), publicKey: .init(own.publicKey),
      notValidBefore: .now - 60, notValidAfter: .now + expiresIn, issuer: name,
      subject: try DistinguishedName { CommonName(common) },
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        try ExtendedKeyUsage([.serverAuth, .clientAuth])
        SubjectAlternativeNames([.dnsName(dns)])
      }, issuerPrivateKey: .init(key))
    return TestIdentity(
      value: TLSIdentity(
        certificateChain: [try Self.der(issued)], privateKey: Array(own.derRepresentation),
        authorities: [try Self.der(certificate)]))
  }

  func plane(dns: String = PlaneName.controlPlane) throws -> TestIdentity {
    try identity("control", dns: dns)
  }

  func node(_ name: String) throws -> TestIdentity {
    try identity(name, dns: PlaneName.node(NodeID(unchecked: name)))
  }

  private static func der(_ certificate: Certificate) throws -> [UInt8] {
    var serializer = DER.Serializer()
    try serializer.serialize(certificate)
    return serializer.serializedBytes
  }

  /// The common name, as the node that shows it.
  static func admit(_ der: [UInt8]) throws(Problem) -> NodeID {
    let certificate = try? Certificate(derEncoded: der)
    let name = certificate?.subject.first?.first.map { "\($0.value)" } ?? ""
    guard NodeID.isValid(name) else {
      throw Problem(.refused, code: "certificate_invalid", "it names no node")
    }
    return NodeID(unchecked: name)
  }
}

struct TestIdentity: IdentitySource {
  let value: TLSIdentity
  func identity() async throws(Problem) -> TLSIdentity { value }
}
