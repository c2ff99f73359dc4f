import ClusterModel
import Crypto
import PropertyTesting

@testable import ModuleTrust

/// Modules that are well-formed as far as signatures go: a header and random sections.
var sampleModules: Generator<[UInt8]> {
  sampleSections.array(count: 0...6).map { ModuleEnvelope.header + $0.flatMap { $0 } }
}

private var sampleSections: Generator<[UInt8]> {
  .oneOf([
    zip(Generator<UInt8>.int(in: 1...12), .bytes(count: 0...60)).map { id, contents in
      [id] + canonicalLEB128(contents.count) + contents
    },
    .bytes(count: 0...40).map { customSection("name", $0) },
    .bytes(count: 16...16).map { customSection("signature_delimiter", $0) },
  ])
}

func customSection(_ name: String, _ payload: [UInt8]) -> [UInt8] {
  let contents = canonicalLEB128(name.utf8.count) + Array(name.utf8) + payload
  return [0] + canonicalLEB128(contents.count) + contents
}

/// A signer with a key made from a number, and the entry of a trust store for it.
func sampleSigner(_ number: UInt8) throws -> (signer: ModuleSigner, trusted: TrustedKey) {
  let secret = [UInt8](repeating: number, count: 32)
  let signer = try ModuleSigner(Curve25519.Signing.PrivateKey(rawRepresentation: secret))
  let now = WallInstant(microseconds: 0)
  return (
    signer,
    TrustedKey(
      id: signer.publicKey.id, publicKey: signer.publicKey.bytes, label: "key \(number)",
      addedAt: now)
  )
}

func failureCode(
  _ module: [UInt8], detached: [UInt8]? = nil, keys: [TrustedKey]
) -> TrustFailure.Code? {
  do throws(TrustFailure) {
    _ = try SignatureVerifier.verify(module, detached: detached, keys: keys)
    return nil
  } catch {
    return error.code
  }
}
