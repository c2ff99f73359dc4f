import ClusterModel
import SwiftASN1
import X509

/// Certificates as text and as bytes.
enum PEMText {
  /// A chain of certificates is a few; more is not read.
  private static let longest = 64 << 10

  /// All certificates in a text, in order.
  ///
  /// - Throws: ``Problem`` `certificate_invalid`.
  static func certificates(_ pem: String) throws(Problem) -> [Certificate] {
    do {
      guard pem.utf8.count <= longest else { throw invalid("it is too long") }
      let documents = try PEMDocument.parseMultiple(pemString: pem)
      return try documents.filter { $0.discriminator == Certificate.defaultPEMDiscriminator }
        .map { try Certificate(pemDocument: $0) }
    } catch {
      throw (error as? Problem) ?? invalid("\(error)")
    }
  }

  /// - Throws: ``Problem`` `certificate_invalid`.
  static func certificate(der: [UInt8]) throws(Problem) -> Certificate {
    do { return try Certificate(derEncoded: der) } catch { throw invalid("\(error)") }
  }

  static func invalid(_ cause: String) -> Problem {
    Problem(
      .invalidInput, code: "certificate_invalid", "this is no certificate that can be read",
      cause: cause, next: "Send it in PEM form.")
  }
}

extension Certificate {
  /// - Throws: only when memory is damaged: it was read or made from such bytes.
  func der() throws(Problem) -> [UInt8] {
    do {
      var serializer = DER.Serializer()
      try serializer.serialize(self)
      return serializer.serializedBytes
    } catch {
      throw Problem(
        .internalFault, code: "certificate_unwritable", "a certificate cannot be written",
        cause: "\(error)")
    }
  }
}
