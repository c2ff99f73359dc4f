import ClusterModel
import Crypto
import Foundation
import X509

extension PlanSeal {
  /// The bytes that are signed.
  static func signed(_ statement: [UInt8]) -> Data { Data(purpose.utf8) + Data(statement) }

  /// Whether one of these authorities (DER) has signed the statement. Their certificates may have expired: the
  /// statement has an end of its own.
  ///
  /// - Throws: ``Problem`` `standing_plan_forged`.
  func check(against authorities: [[UInt8]]) throws(Problem) {
    // What is no signature at all has signed nothing, whatever is wrong with it.
    guard let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature) else {
      throw Self.forged("its signature is none")
    }
    for der in authorities
    where AuthorityFingerprint(sha256: Array(SHA256.hash(data: der))) == authority {
      guard let key = P256.Signing.PublicKey(try PEMText.certificate(der: der).publicKey),
        key.isValidSignature(signature, for: Self.signed(statement))
      else { throw Self.forged("its signature does not hold") }
      return
    }
    throw Self.forged("it is signed by an authority that this node does not know")
  }

  private static func forged(_ cause: String) -> Problem {
    Problem(
      .refused, code: "standing_plan_forged",
      "the standing plan was not made by this node's cluster, or was changed since", cause: cause,
      next: "Let the node attach: then it gets a new one.")
  }
}
