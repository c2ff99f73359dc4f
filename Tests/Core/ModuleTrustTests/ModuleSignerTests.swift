import ClusterModel
import Crypto
import Testing

@testable import ModuleTrust

@Suite struct ModuleSignerTests {
  private let module = ModuleEnvelope.header + customSection("one", [1, 2, 3])

  @Test func `no signature is dropped to make room for another`() throws {
    var signed = module
    for number in 1...UInt8(SignatureData.maximumSignatures) {
      signed = try sampleSigner(number).signer.embeddingSignature(in: signed)
    }
    let keys = try (1...17).map { try sampleSigner($0).trusted }
    #expect(try SignatureVerifier.verify(signed, keys: keys).signers.count == 16)
    #expect(throws: TrustFailure.self) {
      try sampleSigner(17).signer.embeddingSignature(in: signed)
    }
    #expect(try sampleSigner(3).signer.embeddingSignature(in: signed).count == signed.count)
  }

  @Test func `a module whose signature data cannot be read can be signed`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let section = ModuleEnvelope.signatureSection([9, 9, 9])
    let broken = ModuleEnvelope.header + section + module.dropFirst(8)
    #expect(failureCode(broken, keys: [trusted]) == .signatureMalformed)
    #expect(failureCode(try signer.embeddingSignature(in: broken), keys: [trusted]) == nil)
  }

  @Test func `signing after a change leaves no signature of what was before`() throws {
    let (alice, _) = try sampleSigner(1)
    let (bob, trustedBob) = try sampleSigner(2)
    let changed = try alice.embeddingSignature(in: module) + customSection("two", [4])
    let signed = try bob.embeddingSignature(in: changed)
    #expect(try SignatureVerifier.verify(signed, keys: [trustedBob]).signers == [trustedBob.id])
  }

  @Test func `a module that its signature makes too large is not signed`() throws {
    let (signer, _) = try sampleSigner(1)
    let room = ModuleEnvelope.maximumSize.bytes - 100
    let large = ModuleEnvelope.header + customSection("fill", [UInt8](repeating: 0, count: room))
    #expect(throws: TrustFailure.self) { try signer.embeddingSignature(in: large) }
  }

  @Test func `a key pair reads back, and halves that do not belong together do not`() throws {
    let (signer, _) = try sampleSigner(1)
    let (other, _) = try sampleSigner(2)
    #expect(try ModuleSigner(keyPair: signer.keyPair).publicKey == signer.publicKey)
    let mixed = signer.keyPair.prefix(33) + other.keyPair.suffix(32)
    #expect(throws: Problem.self) { try ModuleSigner(keyPair: Array(mixed)) }
  }
}
