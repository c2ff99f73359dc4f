import ClusterModel
import Foundation
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
    var random = SeededRandom(seed: UInt64.random(in: 0 ... .max))
    var modules: [[UInt8]] = []
    for number in 0..<400 {
      var module = sampleModules.sample(seed: random.next())
      switch number % 4 {
      case 0: module = try signer.embeddingSignature(in: module)
      case 1: module = try stranger.embeddingSignature(in: module)
      case 2:
        module = try signer.embeddingSignature(in: module)
        module[Int.random(in: 0..<module.count, using: &random)] ^=
          1
          << UInt8.random(
            in: 0...7, using: &random)
      case _:
        module = try signer.embeddingSignature(in: module)
        module.insert(
          UInt8.random(in: 0...255, using: &random),
          at: Int.random(in: 0...module.count, using: &random))
      }
      modules.append(module)
    }
    let theirs = try independentVerdicts(modules, key: Array(signer.publicKey.raw))
    try #require(theirs.count == modules.count)
    var accepted = 0
    for (module, verdict) in zip(modules, theirs) {
      let code = failureCode(module, keys: [trusted])
      #expect(
        (code == nil) == (verdict == "valid"), "\(verdict), ours \(code?.rawValue ?? "valid")")
      accepted += code == nil ? 1 : 0
    }
    #expect(accepted >= 100 && accepted < 300)
  }

  private func independentVerdicts(_ modules: [[UInt8]], key: [UInt8]) throws -> [Substring] {
    let lines = modules.map {
      "{\"module\": \"\(Hexadecimal.encode($0))\", \"key\": \"\(Hexadecimal.encode(key))\"}\n"
    }
    let tasks = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try lines.joined().write(to: tasks, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: tasks) }
    let python = Self.root + "/.venv/bin/python3"
    let process = Process()
    process.executableURL = URL(
      fileURLWithPath: FileManager.default.isExecutableFile(atPath: python)
        ? python : "/usr/bin/env")
    process.arguments =
      (process.executableURL?.path == python ? [] : ["python3"])
      + [Self.root + "/Tests/Support/verify_signature.py"]
    process.standardInput = try FileHandle(forReadingFrom: tasks)
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "the verifier failed; run scripts/bootstrap first")
    return text.split(separator: "\n")
  }
}
