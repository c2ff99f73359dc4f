public import ClusterModel
import Crypto

/// An Ed25519 public key in the form of the WebAssembly tool-conventions: `0x01`, then 32 bytes.
public struct SerializedPublicKey: Hashable, Sendable {
  static let ed25519: UInt8 = 1

  /// The 33 bytes.
  public let bytes: [UInt8]

  /// - Throws: ``Problem`` `key_invalid` when the bytes are no such key, or one of the points of small
  ///   order, for which anybody can make signatures.
  public init(_ bytes: [UInt8]) throws(Problem) {
    guard bytes.count == 33, bytes[0] == Self.ed25519 else {
      throw Self.invalid("a public key has 33 bytes, the first of them 0x01 (Ed25519)")
    }
    let point = Array(bytes[1...])
    guard Self.isCanonical(point) else { throw Self.invalid("its coordinate is not reduced") }
    guard !Self.smallOrderPoints.contains(point.withoutSign) else {
      throw Self.invalid("it is a point of small order")
    }
    self.bytes = bytes
  }

  /// - Parameter raw: the 32 bytes of RFC 8032.
  public init(raw: some Collection<UInt8>) throws(Problem) {
    try self.init([Self.ed25519] + Array(raw))
  }

  /// The name of the key: see ``KeyID``.
  public var id: KeyID {
    KeyID(unchecked: Hexadecimal.encode(Array(SHA256.hash(data: bytes)).prefix(16)))
  }

  var raw: ArraySlice<UInt8> { bytes[1...] }

  private static func invalid(_ cause: String) -> Problem {
    Problem(
      .invalidInput, code: "key_invalid", "this is not a usable Ed25519 public key", cause: cause,
      next: "Make a key pair with `wasmatrix keygen --out DIR` and use DIR/wasmatrix.pub.")
  }

  /// Whether the little-endian coordinate is below 2^255 - 19.
  private static func isCanonical(_ point: [UInt8]) -> Bool {
    let coordinate = point.withoutSign
    guard coordinate[31] == 0x7f, coordinate[1..<31].allSatisfy({ $0 == 0xff }) else { return true }
    return coordinate[0] < 0xed
  }

  /// The points of order 1, 2, 4 and 8 without the bit of the sign, in canonical form.
  private static let smallOrderPoints: Set<[UInt8]> = {
    let zero = [UInt8](repeating: 0, count: 32)
    var one = zero
    one[0] = 1
    var minusOne = [UInt8](repeating: 0xff, count: 32)
    minusOne[0] = 0xec
    minusOne[31] = 0x7f
    let orderEight = [
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ].compactMap { Hexadecimal.decode($0) }
    return Set([zero, one, minusOne] + orderEight)
  }()
}

extension [UInt8] {
  /// A point without the bit that says the sign of its other coordinate.
  fileprivate var withoutSign: [UInt8] {
    var copy = self
    copy[31] &= 0x7f
    return copy
  }
}
