import AccessRules
import ClusterModel
import Crypto
import Foundation
import Glibc
import SwiftASN1
import X509

/// What goes into the certificates of a cluster.
enum CertificateTemplate {
  /// Long enough that nobody meets its end by surprise; it can be replaced before.
  static let authorityLife = Duration.seconds(10 * 365 * 86_400)

  /// The certificate of a new authority, signed by itself.
  static func authority(_ key: P256.Signing.PrivateKey, at now: WallInstant) throws -> Certificate {
    let key = Certificate.PrivateKey(key)
    let name = try DistinguishedName {
      OrganizationName("WasmMatrix")
      // Two authorities are told apart by people, too.
      CommonName(
        "WasmMatrix authority \(Hexadecimal.encode((0..<4).map { _ in UInt8.random(in: 0...255) }))"
      )
    }
    return try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
      notValidBefore: date(now.wholeSecond + .zero - CertificateRules.backdating),
      notValidAfter: date(now.wholeSecond + authorityLife), issuer: name, subject: name,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
        Critical(KeyUsage(keyCertSign: true, cRLSign: true))
        SubjectKeyIdentifier(hash: key.publicKey)
      }, issuerPrivateKey: key)
  }

  /// The certificate of a node or of the control plane.
  static func member(
    _ commonName: String, names: [String], key: Certificate.PublicKey,
    signedBy authority: Certificate,
    _ authorityKey: P256.Signing.PrivateKey, at now: WallInstant, life: Duration
  ) throws -> Certificate {
    try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key,
      notValidBefore: date(now.wholeSecond - CertificateRules.backdating),
      notValidAfter: date(now.wholeSecond + life), issuer: authority.subject,
      subject: try DistinguishedName { CommonName(commonName) },
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true))
        try ExtendedKeyUsage([.serverAuth, .clientAuth])
        SubjectAlternativeNames(names.map(generalName))
        SubjectKeyIdentifier(hash: key)
        AuthorityKeyIdentifier(
          keyIdentifier: SubjectKeyIdentifier(hash: authority.publicKey).keyIdentifier)
      }, issuerPrivateKey: Certificate.PrivateKey(authorityKey))
  }

  private static func date(_ instant: WallInstant) -> Date {
    Date(timeIntervalSince1970: Double(instant.microseconds / 1_000_000))
  }

  /// An address as an address, everything else as a DNS name.
  private static func generalName(_ name: String) -> GeneralName {
    var four = in_addr()
    if inet_pton(AF_INET, name, &four) == 1 {
      return .ipAddress(
        ASN1OctetString(contentBytes: withUnsafeBytes(of: four) { $0[...].map { $0 } }[...]))
    }
    var six = in6_addr()
    if inet_pton(AF_INET6, name, &six) == 1 {
      return .ipAddress(
        ASN1OctetString(contentBytes: withUnsafeBytes(of: six) { $0[...].map { $0 } }[...]))
    }
    return .dnsName(name)
  }
}

extension WallInstant {
  init(_ date: Date) { self.init(microseconds: Int64(date.timeIntervalSince1970) * 1_000_000) }

  static func - (left: WallInstant, right: Duration) -> WallInstant {
    left + .nanoseconds(-right.nanoseconds)
  }
}
