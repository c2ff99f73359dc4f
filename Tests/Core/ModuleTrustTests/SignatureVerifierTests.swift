import ClusterModel
import Crypto
import Testing

@testable import ModuleTrust

@Suite struct SignatureVerifierTests {
  private let module = ModuleEnvelope.header + customSection("one", [1, 2, 3])

  @Test func `an unsigned module is refused`() throws {
    #expect(failureCode(module, keys: []) == .signatureMissing)
  }

  @Test func `what is no module is refused by what it is`() throws {
    #expect(failureCode([], keys: []) == .moduleInvalid)
    #expect(failureCode(Array("#!/bin/sh".utf8), keys: []) == .moduleInvalid)
    #expect(failureCode(Array(module.prefix(6)), keys: []) == .moduleTruncated)
    #expect(failureCode(Array(module.dropLast()), keys: []) == .moduleTruncated)
    let component: [UInt8] = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]
    #expect(failureCode(component, keys: []) == .componentUnsupported)
    let large = module + [UInt8](repeating: 0, count: ModuleEnvelope.maximumSize.bytes)
    #expect(failureCode(large, keys: []) == .moduleTooLarge)
  }

  @Test func `a revoked key is refused as revoked`() throws {
    var (signer, trusted) = try sampleSigner(3)
    trusted.revokedAt = WallInstant(microseconds: 1)
    let signed = try signer.embeddingSignature(in: module)
    #expect(failureCode(signed, keys: [trusted]) == .keyRevoked)
  }

  @Test func `two keys sign together, and both must be trusted`() throws {
    let (alice, trustedAlice) = try sampleSigner(1)
    let (bob, trustedBob) = try sampleSigner(2)
    let signed = try bob.embeddingSignature(in: try alice.embeddingSignature(in: module))
    let verified = try SignatureVerifier.verify(signed, keys: [trustedAlice, trustedBob])
    #expect(verified.signers == [trustedAlice.id, trustedBob.id].sorted())
    #expect(failureCode(signed, keys: [trustedAlice]) == .keyUnknown)
  }

  @Test func `signing again with the same key changes nothing`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let twice = try signer.embeddingSignature(in: try signer.embeddingSignature(in: module))
    #expect(try SignatureVerifier.verify(twice, keys: [trusted]).signers == [trusted.id])
    #expect(try ModuleEnvelope(twice).unsignedBytes == module)
  }

  @Test func `an embedded and a detached signature must both hold`() throws {
    let (alice, trustedAlice) = try sampleSigner(1)
    let (mallory, _) = try sampleSigner(9)
    let signed = try alice.embeddingSignature(in: module)
    let foreign = try mallory.detachedSignature(of: module)
    #expect(failureCode(signed, detached: foreign, keys: [trustedAlice]) == .keyUnknown)
  }

  @Test func `a signature over the first part only is refused as partial`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let first = module + customSection("signature_delimiter", [UInt8](repeating: 5, count: 16))
    let partial = try signer.detachedSignature(of: first)
    let whole = first + customSection("two", [4])
    #expect(failureCode(whole, detached: partial, keys: [trusted]) == .signaturePartial)
    #expect(failureCode(first, detached: partial, keys: [trusted]) == nil)
  }

  @Test func `a signature section elsewhere than at the beginning is refused`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let section = ModuleEnvelope.signatureSection(try signer.detachedSignature(of: module))
    #expect(failureCode(module + section, keys: [trusted]) == .signatureMalformed)
  }

  @Test func `lengths in a long form are refused`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let data = try signer.detachedSignature(of: module)
    var padded = data
    padded.replaceSubrange(3..<4, with: [0x81, 0x00])
    #expect(failureCode(module, detached: data, keys: [trusted]) == nil)
    #expect(failureCode(module, detached: padded, keys: [trusted]) == .signatureMalformed)
  }

  @Test func `a signature section whose own lengths have a long form is refused`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let signed = try signer.embeddingSignature(in: module)
    // Two bytes of section size (it is longer than 127), then the length of the name.
    let size = Int(signed[9] & 0x7f) | Int(signed[10]) << 7
    var paddedName = signed
    paddedName.replaceSubrange(11..<12, with: [0x89, 0x00])
    paddedName.replaceSubrange(9..<11, with: canonicalLEB128(size + 1))
    var paddedSize = signed
    paddedSize.replaceSubrange(10..<11, with: [signed[10] | 0x80, 0x00])
    #expect(failureCode(signed, keys: [trusted]) == nil)
    #expect(failureCode(paddedName, keys: [trusted]) == .signatureMalformed)
    #expect(failureCode(paddedSize, keys: [trusted]) == .signatureMalformed)
  }

  @Test func `keys of small order and unreduced keys are refused`() throws {
    var one = [UInt8](repeating: 0, count: 32)
    one[0] = 1
    let unreduced = [0xee] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
    for raw in [one, [UInt8](repeating: 0, count: 32), unreduced] {
      #expect(throws: Problem.self) { try SerializedPublicKey(raw: raw) }
    }
    #expect(throws: Problem.self) { try SerializedPublicKey([UInt8](repeating: 1, count: 32)) }
  }

  @Test func `a key pair reads back, and halves that do not belong together do not`() throws {
    let (signer, _) = try sampleSigner(1)
    let (other, _) = try sampleSigner(2)
    #expect(try ModuleSigner(keyPair: signer.keyPair).publicKey == signer.publicKey)
    let mixed = signer.keyPair.prefix(33) + other.keyPair.suffix(32)
    #expect(throws: Problem.self) { try ModuleSigner(keyPair: Array(mixed)) }
  }
}
