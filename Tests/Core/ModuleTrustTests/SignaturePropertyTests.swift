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
