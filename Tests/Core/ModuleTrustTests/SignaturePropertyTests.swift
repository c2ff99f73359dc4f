import ClusterModel
import PropertyTesting
import Testing

@testable import ModuleTrust

// Feature: wasmatrix, Property 3: For any Wasm module uploaded or deployed, its cryptographic
// signature is verified before acceptance, and modules with invalid signatures are rejected
@Suite struct SignaturePropertyTests {
  private static let tag = "Feature: wasmatrix, Property 3: "

  @Test func `any signed module is accepted under the digest of its unsigned form`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    try await checkProperty(Self.tag + "what was signed is accepted", cases: 200, sampleModules) {
      module in
      let signed = try signer.embeddingSignature(in: module)
      let verified = try SignatureVerifier.verify(signed, keys: [trusted])
      let detached = try SignatureVerifier.verify(
        module, detached: try signer.detachedSignature(of: module), keys: [trusted])
      let digest = try SignatureVerifier.digest(of: module)
      return verified.unsignedBytes == module && verified.signers == [trusted.id]
        && verified == detached && verified.digest == digest
    }
  }

  @Test func `any changed byte of a signed module is refused`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    let generator = zip(
      sampleModules, Generator<Int>.int(in: 0...1_000_000), Generator<UInt8>.int(in: 1...255))
    try await checkProperty(Self.tag + "a changed byte is refused", cases: 500, generator) {
      module, place, change in
      var signed = try signer.embeddingSignature(in: module)
      let hint = try hintRange(in: signed)
      let index = place % signed.count
      // The key id is a hint that no signature covers, and that decides nothing.
      guard !hint.contains(index) else { return true }
      signed[index] ^= change
      return failureCode(signed, keys: [trusted]) != nil
    }
  }

  @Test func `any changed hint decides nothing`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    let generator = zip(sampleModules, Generator<[UInt8]>.bytes(count: 16...16))
    try await checkProperty(Self.tag + "the key id is only a hint", cases: 100, generator) {
      module, hint in
      var signed = try signer.embeddingSignature(in: module)
      signed.replaceSubrange(try hintRange(in: signed), with: hint)
      return failureCode(signed, keys: [trusted]) == nil
    }
  }

  @Test func `any extra or missing byte is refused`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    let generator = zip(
      sampleModules, Generator<Int>.int(in: 0...1_000_000), Generator<UInt8>.int(in: 0...255))
    try await checkProperty(Self.tag + "no byte more, no byte less", cases: 500, generator) {
      module, place, extra in
      let signed = try signer.embeddingSignature(in: module)
      var longer = signed
      longer.insert(extra, at: place % (signed.count + 1))
      let shorter = Array(signed.prefix(place % signed.count))
      return failureCode(longer, keys: [trusted]) != nil
        && failureCode(shorter, keys: [trusted]) != nil
    }
  }

  @Test func `any section added after signing is refused as such`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    try await checkProperty(
      Self.tag + "nothing follows the signed end", cases: 100,
      zip(sampleModules, Generator<[UInt8]>.bytes(count: 0...20))
    ) { module, payload in
      let body = module + customSection("first", [])
      let signed = try signer.embeddingSignature(in: body)
      let code = failureCode(signed + customSection("added", payload), keys: [trusted])
      return code == .bytesAfterSignedEnd
    }
  }

  @Test func `any other key is refused`() async throws {
    let generator = zip(
      sampleModules, Generator<UInt8>.int(in: 1...120), Generator<UInt8>.int(in: 121...255))
    try await checkProperty(Self.tag + "an unknown key is refused", cases: 100, generator) {
      module, one, other in
      let signed = try sampleSigner(one).signer.embeddingSignature(in: module)
      let unrelated = try sampleSigner(other).trusted
      return failureCode(signed, keys: [unrelated]) == .keyUnknown
        && failureCode(signed, keys: []) == .keyUnknown
    }
  }

  @Test func `any junk after a signed module is refused as such`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    try await checkProperty(
      Self.tag + "nothing at all follows the signed end", cases: 300,
      zip(sampleModules, Generator<[UInt8]>.bytes(count: 1...20))
    ) { module, junk in
      let signed = try signer.embeddingSignature(in: module + customSection("first", []))
      return failureCode(signed + junk, keys: [trusted]) == .bytesAfterSignedEnd
    }
  }

  @Test func `any other key, if only by one bit, is refused`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    let generator = zip(sampleModules, Generator<Int>.int(in: 0...263))
    try await checkProperty(Self.tag + "a changed key is refused", cases: 300, generator) {
      module, bit in
      var changed = trusted
      changed.publicKey[bit / 8] ^= 1 << UInt8(bit % 8)
      let signed = try signer.embeddingSignature(in: module)
      return failureCode(signed, keys: [changed]) != nil
    }
  }

  @Test func `any changed, extra or missing byte of detached data is refused`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    let generator = zip(
      sampleModules, Generator<Int>.int(in: 0...1_000_000), Generator<UInt8>.int(in: 1...255))
    try await checkProperty(Self.tag + "detached signatures are exact", cases: 500, generator) {
      module, place, change in
      let data = try signer.detachedSignature(of: module)
      // As in the embedded form, after the header and the section's id, size and name.
      let signed = try signer.embeddingSignature(in: module)
      let start = try #require(try ModuleEnvelope(signed).signature).payload.lowerBound
      let hint = try hintRange(in: signed)
      let index = place % data.count
      var changed = data
      changed[index] ^= change
      var longer = data
      // Before the length of the key's hint it could make a longer hint, which nothing depends on.
      let end = place % (data.count + 1)
      let lengthOfHint = hint.lowerBound - start - 1
      longer.insert(change, at: end == lengthOfHint ? data.count : end)
      let isHint = hint.contains(start + index)
      let wrong = [longer, Array(data.prefix(index))] + (isHint ? [] : [changed])
      return wrong.allSatisfy { failureCode(module, detached: $0, keys: [trusted]) != nil }
    }
  }

  @Test func `every bit and every length of a signed module counts`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let module =
      ModuleEnvelope.header + [1, 4, 1, 0x60, 0, 0]
      + customSection("signature_delimiter", [UInt8](repeating: 7, count: 16))
      + customSection("name", [1, 2, 3])
    let signed = try signer.embeddingSignature(in: module)
    #expect(failureCode(signed, keys: [trusted]) == nil)
    let hint = try hintRange(in: signed)
    for index in signed.indices where !hint.contains(index) {
      for bit in 0..<8 {
        var changed = signed
        changed[index] ^= 1 << UInt8(bit)
        #expect(failureCode(changed, keys: [trusted]) != nil, "bit \(bit) of byte \(index)")
      }
    }
    for length in signed.indices {
      let code = failureCode(Array(signed.prefix(length)), keys: [trusted])
      #expect(code != nil, "cut to \(length) bytes")
    }
  }

  @Test func `the other form of a valid signature is refused`() async throws {
    // S + L is the same number modulo the order of the group: RFC 8032 wants S below L.
    let order: [UInt8] =
      [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14,
      ] + [UInt8](repeating: 0, count: 15) + [0x10]
    let (signer, trusted) = try sampleSigner(1)
    try await checkProperty(Self.tag + "one form of each signature", cases: 100, sampleModules) {
      module in
      var data = try SignatureData(parsing: try signer.detachedSignature(of: module)[...])
      var carry: UInt16 = 0
      for index in 0..<32 {
        carry += UInt16(data.sets[0].signatures[0].bytes[32 + index]) + UInt16(order[index])
        data.sets[0].signatures[0].bytes[32 + index] = UInt8(truncatingIfNeeded: carry)
        carry >>= 8
      }
      return failureCode(module, detached: data.serialized(), keys: [trusted]) == .signatureInvalid
    }
  }

  @Test func `any damaged module is parsed without a crash`() async throws {
    let (signer, trusted) = try sampleSigner(1)
    let edit = zip(
      Generator<Int>.int(in: 0...1_000_000), .int(in: 0...40), .bytes(count: 0...12))
    try await checkProperty(
      Self.tag + "damaged modules are refused", cases: 4000,
      zip(sampleModules, edit.array(count: 1...4))
    ) { module, edits in
      let signed = try signer.embeddingSignature(in: module)
      var damaged = signed
      for (place, length, bytes) in edits {
        let start = place % (damaged.count + 1)
        damaged.replaceSubrange(start..<min(start + length, damaged.count), with: bytes)
      }
      // What is accepted all the same is the module that was signed, whatever its hint became.
      guard failureCode(damaged, keys: [trusted]) == nil else { return true }
      return try ModuleEnvelope(damaged).unsignedBytes == module
    }
  }

  @Test func `any bytes at all are parsed without a crash`() async throws {
    let (_, trusted) = try sampleSigner(1)
    let generator = zip(Generator<Bool>.bool, .bytes(count: 0...300))
    try await checkProperty(Self.tag + "random bytes are refused", cases: 3000, generator) {
      hasHeader, bytes in
      let module = (hasHeader ? ModuleEnvelope.header : []) + bytes
      return failureCode(module, keys: [trusted]) != nil
        && failureCode(ModuleEnvelope.header, detached: bytes, keys: [trusted]) != nil
    }
  }

  /// Where the key id of the only signature lies in a module signed by one key.
  private func hintRange(in signed: [UInt8]) throws -> Range<Int> {
    let envelope = try ModuleEnvelope(signed)
    let payload = try #require(envelope.signature).payload
    let data = try SignatureData(parsing: signed[payload])
    let hashes = data.sets[0].hashes.count
    // Version, content, hash, sets, hashes, the hashes, signatures, the length of the id.
    let start = payload.lowerBound + 4 + canonicalLEB128(hashes).count + 32 * hashes + 2
    return start..<start + 16
  }
}
