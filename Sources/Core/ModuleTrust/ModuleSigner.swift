public import ClusterModel
public import Crypto

/// Signs modules in the form of the WebAssembly tool-conventions.
public struct ModuleSigner: Sendable {
  private let key: Curve25519.Signing.PrivateKey
  /// The public half of the key.
  public let publicKey: SerializedPublicKey
  private static let keyPair: UInt8 = 0x81

  /// - Throws: ``Problem`` `key_invalid` for a key whose public half is not usable.
  public init(_ key: Curve25519.Signing.PrivateKey) throws(Problem) {
    self.key = key
    publicKey = try SerializedPublicKey(raw: Array(key.publicKey.rawRepresentation))
  }

  /// Reads a key pair: `0x81`, 32 secret bytes, 32 public bytes.
  ///
  /// - Throws: ``Problem`` `key_pair_invalid` when it is none, or its halves do not belong together.
  public init(keyPair bytes: [UInt8]) throws(Problem) {
    let invalid = Problem(
      .invalidInput, code: "key_pair_invalid", "this is not an Ed25519 key pair",
      cause: "65 bytes are wanted: 0x81, the secret and the public half",
      next: "Make one with `wasmatrix keygen --out DIR` and use DIR/wasmatrix.key.")
    guard bytes.count == 65, bytes[0] == Self.keyPair,
      let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes[1..<33]),
      key.publicKey.rawRepresentation.elementsEqual(bytes[33...])
    else { throw invalid }
    try self.init(key)
  }

  /// The key pair in its 65 bytes.
  public var keyPair: [UInt8] {
    [Self.keyPair] + Array(key.rawRepresentation) + publicKey.raw
  }

  /// The module with a signature of this key in its signature section. A signature that this key made
  /// before is replaced; those of other keys over the same bytes stay; any others go, and so does
  /// signature data that cannot be read.
  public func embeddingSignature(in module: [UInt8]) throws(TrustFailure) -> [UInt8] {
    let envelope = try ModuleEnvelope(module)
    var set = try signedSet(envelope)
    if let section = envelope.signature {
      // Signatures that cannot be read are of no use to anybody, and must not forbid a new one.
      let others = (try? SignatureData(parsing: module[section.payload]))?.sets ?? []
      for signature in others.filter({ $0.hashes == set.hashes }).flatMap(\.signatures)
      where signature.keyID != set.signatures[0].keyID && !set.signatures.contains(signature) {
        set.signatures.append(signature)
      }
    }
    guard set.signatures.count <= SignatureData.maximumSignatures else {
      throw SignatureData.tooManySignatures
    }
    let section = ModuleEnvelope.signatureSection(SignatureData(sets: [set]).serialized())
    let unsigned = envelope.unsignedBytes
    guard unsigned.count + section.count <= ModuleEnvelope.maximumSize.bytes else {
      throw TrustFailure(
        .moduleTooLarge,
        "with its signature the module is larger than \(ModuleEnvelope.maximumSize)")
    }
    return ModuleEnvelope.header + section + unsigned.dropFirst(ModuleEnvelope.header.count)
  }

  /// Signature data to be kept beside the module.
  public func detachedSignature(of module: [UInt8]) throws(TrustFailure) -> [UInt8] {
    SignatureData(sets: [try signedSet(try ModuleEnvelope(module))]).serialized()
  }

  private func signedSet(_ envelope: ModuleEnvelope) throws(TrustFailure) -> SignatureData.HashSet {
    let hashes = PartHashes(envelope).hashes
    guard hashes.count <= SignatureData.maximumHashes,
      let signature = try? key.signature(for: SignatureData.message(for: hashes))
    else {
      throw TrustFailure(.signatureMalformed, "the module has too many parts to be signed")
    }
    let keyID = Hexadecimal.decode(publicKey.id.text) ?? []
    return SignatureData.HashSet(
      hashes: hashes,
      signatures: [SignatureData.Signature(keyID: keyID, bytes: Array(signature))])
  }
}
