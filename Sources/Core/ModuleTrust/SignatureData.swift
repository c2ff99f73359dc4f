import ClusterModel

/// The signature data of the WebAssembly tool-conventions, embedded or detached: sets of hashes, and
/// the signatures over each set.
struct SignatureData: Hashable {
  struct Signature: Hashable {
    /// A hint that nobody signed: never a reason to trust.
    var keyID: [UInt8]
    /// 64 bytes of Ed25519.
    var bytes: [UInt8]
  }

  struct HashSet: Hashable {
    /// One SHA-256 for each signed part, each over everything from the first section to the end of
    /// that part.
    var hashes: [[UInt8]]
    var signatures: [Signature]
  }

  static let specificationVersion: UInt8 = 1
  static let moduleContent: UInt8 = 1
  static let sha256: UInt8 = 1
  static let ed25519: UInt8 = 1
  /// Bounds that no honest module comes near; they keep the work for a hostile one small.
  static let maximumSets = 8
  static let maximumHashes = 256
  static let maximumSignatures = 16
  static let maximumSize = 64 << 10

  static let tooManySignatures = TrustFailure(
    .signatureMalformed, "the module has more than \(maximumSignatures) signatures")

  var sets: [HashSet]

  init(sets: [HashSet]) { self.sets = sets }

  /// Reads signature data whose last byte is the last byte of `bytes`.
  init(parsing bytes: ArraySlice<UInt8>) throws(TrustFailure) {
    guard bytes.count <= Self.maximumSize else {
      throw TrustFailure(.signatureMalformed, "the signature data is too long")
    }
    var cursor = ByteCursor(bytes)
    guard cursor.byte() == Self.specificationVersion, cursor.byte() == Self.moduleContent,
      cursor.byte() == Self.sha256
    else {
      throw TrustFailure(
        .signatureMalformed, "the signature data is of an unknown version, content or hash")
    }
    let count = try Self.count(&cursor, 1...Self.maximumSets)
    sets = []
    for _ in 0..<count { sets.append(try Self.set(&cursor)) }
    guard cursor.isAtEnd else {
      throw TrustFailure(.signatureMalformed, "bytes follow the signature data")
    }
  }

  /// What an Ed25519 signature over a set of hashes signs.
  static func message(for hashes: [[UInt8]]) -> [UInt8] {
    Array("wasmsig".utf8) + [specificationVersion, moduleContent, sha256] + hashes.flatMap { $0 }
  }

  /// The data in its only form.
  func serialized() -> [UInt8] {
    var bytes = [Self.specificationVersion, Self.moduleContent, Self.sha256]
    bytes += canonicalLEB128(sets.count)
    for set in sets {
      bytes += canonicalLEB128(set.hashes.count)
      for hash in set.hashes { bytes += hash }
      bytes += canonicalLEB128(set.signatures.count)
      for signature in set.signatures {
        bytes += canonicalLEB128(signature.keyID.count) + signature.keyID
        bytes += [Self.ed25519] + canonicalLEB128(signature.bytes.count) + signature.bytes
      }
    }
    return bytes
  }

  private static func count(
    _ cursor: inout ByteCursor, _ allowed: ClosedRange<Int>
  ) throws(TrustFailure) -> Int {
    guard let count = cursor.unsigned32(canonical: true), allowed.contains(count) else {
      throw TrustFailure(.signatureMalformed, "the signature data has an invalid length")
    }
    return count
  }

  private static func set(_ cursor: inout ByteCursor) throws(TrustFailure) -> HashSet {
    let truncated = TrustFailure(.signatureMalformed, "the signature data is cut off")
    var set = HashSet(hashes: [], signatures: [])
    for _ in 0..<(try count(&cursor, 1...maximumHashes)) {
      guard let hash = cursor.take(32) else { throw truncated }
      set.hashes.append(Array(hash))
    }
    for _ in 0..<(try count(&cursor, 1...maximumSignatures)) {
      let idLength = try count(&cursor, 0...256)
      guard let keyID = cursor.take(idLength) else { throw truncated }
      guard cursor.byte() == ed25519 else {
        throw TrustFailure(.signatureMalformed, "the signature is of another kind than Ed25519")
      }
      let length = try count(&cursor, 64...64)
      guard let bytes = cursor.take(length) else { throw truncated }
      set.signatures.append(Signature(keyID: Array(keyID), bytes: Array(bytes)))
    }
    return set
  }
}
