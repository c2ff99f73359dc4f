import AccessRules
public import ClusterModel
import HostPorts
import SwiftASN1
import X509

/// What a node's certificate says.
public enum NodeCertificate {
  /// The name of the node that shows a certificate. Who signed it, and that it holds, must have been checked:
  /// TLS does, with the authorities of a ``TLSIdentity``.
  ///
  /// - Throws: ``Problem`` `certificate_invalid` when it is not that of a node.
  public static func nodeName(ofDER bytes: [UInt8]) throws(Problem) -> NodeID {
    try facts(ofDER: bytes).node
  }

  /// - Throws: ``Problem`` `certificate_invalid` when it is not that of a node.
  public static func facts(ofDER bytes: [UInt8]) throws(Problem) -> NodeCertificateFacts {
    try facts(of: PEMText.certificate(der: bytes))
  }

  static func facts(of certificate: Certificate) throws(Problem) -> NodeCertificateFacts {
    // Whatever is wrong with one of them: it names no node.
    guard let name = commonName(of: certificate.subject), let node = try? NodeID(name),
      let names = try? certificate.extensions.subjectAlternativeNames,
      names.contains(.dnsName(PlaneName.node(node)))
    else { throw PEMText.invalid("it does not name a node") }
    return NodeCertificateFacts(
      node: node,
      issuedAt: WallInstant(certificate.notValidBefore) + CertificateRules.backdating,
      expiresAt: WallInstant(certificate.notValidAfter))
  }

  static func pem(ofDER bytes: [UInt8]) -> String {
    PEMDocument(type: Certificate.defaultPEMDiscriminator, derBytes: bytes).pemString
  }

  /// The only common name; `nil` when there is none or more than one.
  static func commonName(of name: DistinguishedName) -> String? {
    let found = name.flatMap { $0 }.filter { $0.type == .RDNAttributeType.commonName }
    return found.count == 1 ? found.first.flatMap { String($0.value) } : nil
  }
}
