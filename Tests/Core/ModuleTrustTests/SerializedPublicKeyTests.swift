import ClusterModel
import Crypto
import Testing

@testable import ModuleTrust

@Suite struct SerializedPublicKeyTests {
  /// The eight points whose order divides 8, as RFC 8032 encodes them.
  private static let smallOrder = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ]

  @Test(arguments: smallOrder)
  func `a point of small order is no key`(text: String) throws {
    let raw = try #require(Hexadecimal.decode(text))
    let problem = #expect(throws: Problem.self) { try SerializedPublicKey(raw: raw) }
    #expect(problem?.code == "key_invalid")
    #expect(problem?.cause?.contains("small order") == true)
  }

  @Test(arguments: [0xed, 0xee, 0xff] as [UInt8], [0x7f, 0xff] as [UInt8])
  func `a coordinate that is not reduced is refused`(first: UInt8, last: UInt8) {
    let raw = [first] + [UInt8](repeating: 0xff, count: 30) + [last]
    #expect(throws: Problem.self) { try SerializedPublicKey(raw: raw) }
  }

  @Test func `a key has 33 bytes and says its kind`() throws {
    let raw = Array(Curve25519.Signing.PrivateKey().publicKey.rawRepresentation)
    #expect(try SerializedPublicKey([1] + raw).bytes == [1] + raw)
    for bytes in [raw, [1] + raw + [0], [2] + raw, [0x81] + raw, []] {
      #expect(throws: Problem.self) { try SerializedPublicKey(bytes) }
    }
  }

  @Test func `a key is named by the beginning of its hash`() throws {
    let key = try sampleSigner(1).signer.publicKey
    let hash = SHA256.hash(data: key.bytes).map { $0 }
    #expect(key.id.text == Hexadecimal.encode(hash.prefix(16)))
    #expect(KeyID.isValid(key.id.text))
  }
}
