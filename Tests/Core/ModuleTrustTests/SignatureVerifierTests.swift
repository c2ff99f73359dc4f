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
    for version in [0x0c, 0x0d] as [UInt8] {
      let component = [0, 0x61, 0x73, 0x6d, version, 0, 1, 0]
      #expect(failureCode(component, keys: []) == .componentUnsupported)
    }
    #expect(failureCode([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], keys: []) == .moduleInvalid)
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

  @Test func `what several sets of signatures say can be read again`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let set = try SignatureData(parsing: try signer.detachedSignature(of: module)[...]).sets[0]
    func data(_ hints: Range<UInt8>) -> [UInt8] {
      SignatureData(
        sets: hints.map { hint in
          var other = set
          other.signatures[0].keyID = [hint]
          return other
        }
      ).serialized()
    }
    let signed =
      ModuleEnvelope.header + ModuleEnvelope.signatureSection(data(0..<8)) + module.dropFirst(8)
    let verified = try SignatureVerifier.verify(signed, detached: data(4..<12), keys: [trusted])
    let again = try SignatureVerifier.verify(
      verified.unsignedBytes, detached: verified.signatureData, keys: [trusted])
    #expect(again == verified)
    let many = data(8..<16)
    #expect(failureCode(signed, detached: many, keys: [trusted]) == nil)
    var more = set
    more.signatures[0].keyID = [16]
    var seventeen = try SignatureData(parsing: many[...])
    seventeen.sets[0].signatures += more.signatures
    let code = failureCode(signed, detached: seventeen.serialized(), keys: [trusted])
    #expect(code == .signatureMalformed)
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

  @Test(arguments: [[0], [7, 200, 1, 3], [0, 1, 5], [0, 2, 1, 0x61]] as [[UInt8]])
  func `bytes after the signed end are named as such, whatever they are`(
    extra: [UInt8]
  ) throws {
    let (signer, trusted) = try sampleSigner(1)
    let signed = try signer.embeddingSignature(in: module)
    #expect(failureCode(signed + extra, keys: [trusted]) == .bytesAfterSignedEnd)
    let detached = try signer.detachedSignature(of: module)
    #expect(
      failureCode(module + extra, detached: detached, keys: [trusted]) == .bytesAfterSignedEnd)
    // Without what follows it was signed; without a section of its own it was cut off.
    #expect(failureCode(Array(signed.dropLast()), keys: [trusted]) == .moduleTruncated)
    #expect(failureCode(module + [7], keys: [trusted]) == .moduleTruncated)
  }

  @Test func `a section after a signed module without sections is one too many`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let signed = try signer.embeddingSignature(in: ModuleEnvelope.header)
    #expect(failureCode(signed, keys: [trusted]) == nil)
    let extended = signed + customSection("added", [])
    #expect(failureCode(extended, keys: [trusted]) == .bytesAfterSignedEnd)
  }
}
