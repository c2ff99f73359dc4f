public import ClusterModel
import Crypto

/// A module whose every signature was found valid, by a trusted key, over its last byte.
public struct VerifiedModule: Hashable, Sendable {
  /// The SHA-256 of ``unsignedBytes``.
  public let digest: ModuleDigest
  /// The module without its signature section.
  public let unsignedBytes: [UInt8]
  /// The keys that signed, sorted. Never empty.
  public let signers: [KeyID]
  /// The signature data, as it would stand detached.
  public let signatureData: [UInt8]
}

/// Decides whether a module is trusted.
///
/// Stricter than the tool-conventions in these ways: every signature must be valid, and by a trusted
/// key; every set of hashes must cover the module to its last byte; every length of the signature has
/// one form only. The key id in a signature is a hint that nobody signed: all trusted keys are tried.
public enum SignatureVerifier {
  /// - Parameters:
  ///   - module: the whole file.
  ///   - detached: signature data outside the module. When there is also a signature section, both
  ///     must hold.
  ///   - keys: the trust store, revoked keys included.
  /// - Throws: ``TrustFailure``: `signature_invalid` when the hint names a known key, or the hashes
  ///   are of other bytes; `key_unknown` when no known key made the signature.
  public static func verify(
    _ module: [UInt8], detached: [UInt8]? = nil, keys: [TrustedKey]
  ) throws(TrustFailure) -> VerifiedModule {
    let envelope = try envelope(of: module, detached: detached)
    let data = signatureData(of: envelope, detached: detached)
    guard !data.isEmpty else {
      throw TrustFailure(.signatureMissing, "the module is not signed")
    }
    let parts = PartHashes(envelope)
    // Every set is of the same hashes once it is checked, so that all of them come to one.
    var merged = SignatureData.HashSet(hashes: parts.hashes, signatures: [])
    for bytes in data {
      for set in try SignatureData(parsing: bytes).sets {
        try check(set, covers: envelope, parts)
        merged.signatures += set.signatures.filter { !merged.signatures.contains($0) }
      }
    }
    // What is handed on must be readable again.
    guard merged.signatures.count <= SignatureData.maximumSignatures else {
      throw SignatureData.tooManySignatures
    }
    var signers: Set<KeyID> = []
    for signature in merged.signatures {
      signers.insert(try signer(of: signature, over: merged.hashes, keys))
    }
    let unsigned = envelope.unsignedBytes
    return VerifiedModule(
      digest: digest(ofUnsigned: unsigned), unsignedBytes: unsigned, signers: signers.sorted(),
      signatureData: SignatureData(sets: [merged]).serialized())
  }

  /// The digest of a module, signed or not.
  ///
  /// - Throws: ``TrustFailure`` when it is no module.
  public static func digest(of module: [UInt8]) throws(TrustFailure) -> ModuleDigest {
    digest(ofUnsigned: try ModuleEnvelope(module).unsignedBytes)
  }

  /// Whether a module carries a signature section.
  ///
  /// - Throws: ``TrustFailure`` when it is no module.
  public static func isSigned(_ module: [UInt8]) throws(TrustFailure) -> Bool {
    try ModuleEnvelope(module).signature != nil
  }

  /// The module as sections. Where they cannot be read to the end, but the signature is of what comes
  /// before, the fault is that something was added.
  private static func envelope(
    of module: [UInt8], detached: [UInt8]?
  ) throws(TrustFailure) -> ModuleEnvelope {
    do throws(TrustFailure) {
      return try ModuleEnvelope(module)
    } catch {
      guard error.code == .moduleTruncated || error.code == .moduleInvalid,
        // A module that cannot even be read that far is refused for the first reason.
        let beginning = try? ModuleEnvelope(module, stopsAtDamage: true)
      else { throw error }
      let lastHashes = signatureData(of: beginning, detached: detached).flatMap { data in
        // Unreadable signatures say nothing about where the signed bytes end.
        (try? SignatureData(parsing: data))?.sets.compactMap(\.hashes.last) ?? []
      }
      guard PartHashes.isBeginning(of: beginning, among: Set(lastHashes)) else { throw error }
      throw Self.bytesAfterSignedEnd
    }
  }

  private static let bytesAfterSignedEnd = TrustFailure(
    .bytesAfterSignedEnd, "bytes follow the end of what was signed")

  /// The embedded signature data, then the detached.
  private static func signatureData(
    of envelope: ModuleEnvelope, detached: [UInt8]?
  ) -> [ArraySlice<UInt8>] {
    var data: [ArraySlice<UInt8>] = []
    if let section = envelope.signature { data.append(envelope.bytes[section.payload]) }
    if let detached { data.append(detached[...]) }
    return data
  }

  private static func digest(ofUnsigned bytes: [UInt8]) -> ModuleDigest {
    ModuleDigest(sha256: Array(SHA256.hash(data: bytes)))
  }

  private static func check(
    _ set: SignatureData.HashSet, covers envelope: ModuleEnvelope, _ parts: PartHashes
  ) throws(TrustFailure) {
    guard set.hashes != parts.hashes else { return }
    if set.hashes.count < parts.hashes.count, parts.hashes.starts(with: set.hashes) {
      throw TrustFailure(.signaturePartial, "the signature covers a part of the module only")
    }
    if let last = set.hashes.last, last != parts.hashes.last,
      PartHashes.isBeginning(of: envelope, among: [last])
    {
      throw Self.bytesAfterSignedEnd
    }
    throw TrustFailure(.signatureInvalid, "the signature is of other bytes than the module's")
  }

  private static func signer(
    of signature: SignatureData.Signature, over hashes: [[UInt8]], _ keys: [TrustedKey]
  ) throws(TrustFailure) -> KeyID {
    let message = SignatureData.message(for: hashes)
    let hint = Hexadecimal.encode(signature.keyID)
    let hinted = keys.filter { $0.id.text == hint }
    for key in hinted + keys.filter({ $0.id.text != hint })
    where isValid(signature.bytes, of: message, by: key) {
      guard key.revokedAt == nil else {
        throw TrustFailure(
          .keyRevoked, "the module is signed with key \(key.id), which was revoked")
      }
      return key.id
    }
    guard hinted.isEmpty else {
      throw TrustFailure(
        .signatureInvalid, "the signature says it is of key \(hint), but that did not make it")
    }
    throw TrustFailure(.keyUnknown, "the module is signed, but by no key that is known here")
  }

  private static func isValid(
    _ signature: [UInt8], of message: [UInt8], by key: TrustedKey
  ) -> Bool {
    // A key in the store was checked when it was added; one that is not a key signs nothing.
    guard let parsed = try? SerializedPublicKey(key.publicKey),
      let publicKey = try? Curve25519.Signing.PublicKey(rawRepresentation: parsed.raw)
    else { return false }
    return publicKey.isValidSignature(signature, for: message)
  }
}
