import ClusterModel
import Foundation
import ProcessTesting
import PropertyTesting
import Testing

@testable import ModuleTrust

/// Our verifier against one in Python that was written from the specification.
@Suite struct IndependentVerifierTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  // Feature: wasmatrix, Property 3: For any Wasm module uploaded or deployed, its cryptographic
  // signature is verified before acceptance
  @Test func `an independent verifier agrees on every module`() throws {
    let (signer, trusted) = try sampleSigner(1)
    let (stranger, _) = try sampleSigner(2)
    let seed = try startingSeed()
    var random = SeededRandom(seed: seed)
    var cases: [Case] = []
    for number in 0..<Self.perForm * 10 {
      let module = sampleModules.sample(seed: random.next())
      cases.append(try Case(number % 10, module, signer, stranger, &random))
    }
    let theirs = try independentVerdicts(cases, key: Array(signer.publicKey.raw))
    try #require(theirs.count == cases.count)
    var accepted = 0
    for (number, (item, verdict)) in zip(cases, theirs).enumerated() {
      let code = failureCode(item.module, detached: item.detached, keys: [trusted])
      #expect(
        (code == nil) == (verdict == "valid"),
        "case \(number): \(verdict), ours \(code?.rawValue ?? "valid"); WASMATRIX_PROPERTY_SEED=\(seed)"
      )
      accepted += code == nil ? 1 : 0
    }
    // Three forms are always valid, two sometimes: a changed hint is still a signature.
    #expect(accepted >= 3 * Self.perForm && accepted < 5 * Self.perForm)
  }

  private static let perForm = 60

  /// A module with a signature, in one of ten forms, and what somebody did to it.
  private struct Case {
    var module: [UInt8]
    var detached: [UInt8]?

    init(
      _ form: Int, _ unsigned: [UInt8], _ signer: ModuleSigner, _ stranger: ModuleSigner,
      _ random: inout SeededRandom
    ) throws {
      module = try signer.embeddingSignature(in: unsigned)
      let place = Int.random(in: 0..<module.count, using: &random)
      let byte = UInt8.random(in: 0...255, using: &random)
      switch form {
      case 0: break
      case 1: module = try stranger.embeddingSignature(in: unsigned)
      case 2: module[place] ^= 1 << (byte & 7)
      case 3: module.insert(byte, at: place)
      case 4: module = Array(module.prefix(place))
      case 5: module += customSection(byte < 99 ? "signature" : "added", [byte])
      case 6: (module, detached) = (unsigned, try signer.detachedSignature(of: unsigned))
      case 7: detached = try signer.detachedSignature(of: unsigned)
      case 8: detached = try stranger.detachedSignature(of: unsigned)
      case _:
        var data = try signer.detachedSignature(of: unsigned)
        data[place % data.count] ^= 1 << (byte & 7)
        (module, detached) = (unsigned, data)
      }
    }
  }

  private func independentVerdicts(_ cases: [Case], key: [UInt8]) throws -> [Substring] {
    let lines = cases.map { item in
      let detached = item.detached.map { "\"\(Hexadecimal.encode($0))\"" } ?? "null"
      return "{\"module\": \"\(Hexadecimal.encode(item.module))\", \"detached\": \(detached), "
        + "\"key\": \"\(Hexadecimal.encode(key))\"}\n"
    }
    let python = Self.root + "/.venv/bin/python3"
    let ended = try ChildProcess.run(
      [
        FileManager.default.isExecutableFile(atPath: python) ? python : "python3",
        Self.root + "/Tests/Support/verify_signature.py",
      ], input: Array(lines.joined().utf8))
    try #require(
      ended.status == 0,
      "Python 3 with its package cryptography is missing: run scripts/bootstrap first")
    return ended.output.split(separator: "\n")
  }
}
