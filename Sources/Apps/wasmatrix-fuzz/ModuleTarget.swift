import ClusterModel
import Crypto
import Foundation
import HostPorts
import WasmtimeEngine

/// Modules that were changed, cut and put together, and compiled ones that were changed on disk. They are
/// refused, or run within their limits; a changed artefact is never what runs.
struct ModuleTarget: FuzzTarget {
  let engine: WasmtimeEngine
  /// Where the engine keeps what it compiled.
  let cacheFolder: String
  /// Real modules to change.
  let seeds: [[UInt8]]

  static func digest(of bytes: [UInt8]) -> ModuleDigest {
    ModuleDigest(sha256: Array(SHA256.hash(data: bytes)))
  }

  func inputs(_ random: inout FuzzRandom) -> [[UInt8]] {
    if random.once(in: 4) { return [WitnessGuest.module(WasmtimeEngine.guestImports)] }
    var module =
      random.once(in: 3)
      ? HostileGuest(WasmtimeEngine.guestImports, &random).module : random.one(of: seeds)
    for _ in 0..<(random.once(in: 2) ? 1 : random.number(2...6)) where module.count > 9 {
      change(&module, &random)
    }
    return [module]
  }

  private func change(_ module: inout [UInt8], _ random: inout FuzzRandom) {
    let place = random.number(8...module.count - 1)
    let length = random.number(0...min(64, module.count - place - 1))
    switch random.number(0...6) {
    case 0: module.removeLast(module.count - place)
    case 1: module[place] ^= 1 << UInt8(random.number(0...7))
    case 2: module[place] = random.one(of: [0, 1, 0x0b, 0x40, 0x60, 0x6f, 0x70, 0x7f, 0x80, 0xff])
    case 3: module.insert(contentsOf: random.bytes(random.number(1...8)), at: place)
    case 4: module.removeSubrange(place..<place + length)
    case 5: module.insert(contentsOf: module[place..<place + length], at: random.number(8...place))
    case _:
      // The largest numbers that the format can say.
      module.replaceSubrange(place..<place + min(5, length), with: [0xff, 0xff, 0xff, 0xff, 0x0f])
    }
  }

  func run(
    _ inputs: [[UInt8]], _ random: inout FuzzRandom, _ coverage: inout FuzzCoverage
  ) async throws {
    for module in inputs {
      let mode: CodeMode = random.once(in: 2) ? .quick : .optimised
      let isWitness = module == WitnessGuest.module(WasmtimeEngine.guestImports)
      if isWitness { coverage.saw(try damageArtefacts(&random)) }
      let prepared: any PreparedModule
      do throws(Problem) {
        prepared = try await engine.prepare(
          module, digest: Self.digest(of: module), startingWith: mode)
      } catch {
        guard error.category == .invalidInput, !isWitness else { throw Violation("\(error)") }
        coverage.saw("refused: \(error.code)")
        continue
      }
      let report = await prepared.run(
        Activation(
          arguments: ["x"], environment: [], input: random.bytes(16),
          limits: isWitness
            ? ActivationLimits(cpuTime: .seconds(60), wallTime: .seconds(600))
            : ActivationLimits(
              memory: .mebibytes(4), cpuTime: .milliseconds(5), wallTime: .milliseconds(20),
              output: .kibibytes(64))))
      switch report.result {
      case .success(let output):
        coverage.saw("ran: ok")
        guard !isWitness || output == WitnessGuest.expected else {
          throw Violation("what ran was not what was compiled")
        }
      case .failure(let failure):
        coverage.saw("ran: \(failure.code.rawValue)")
        guard !isWitness, failure.code != .internalError else { throw Violation("\(failure)") }
      }
    }
  }

  /// Changes every compiled module that is kept, or one of them, or none.
  private func damageArtefacts(_ random: inout FuzzRandom) throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: cacheFolder).sorted()
      .filter { $0.hasSuffix(".cwasm") }
    guard !names.isEmpty, !random.once(in: 4) else { return "artefacts: as they are" }
    let all = random.once(in: 2) ? names : [random.one(of: names)]
    for name in all {
      let url = URL(fileURLWithPath: cacheFolder + "/" + name)
      var bytes = Array(try Data(contentsOf: url))
      guard !bytes.isEmpty else { continue }
      let place = random.number(0...bytes.count - 1)
      if random.once(in: 3) {
        bytes.removeLast(bytes.count - place)
      } else {
        bytes[place] ^= 1 << UInt8(random.number(0...7))
      }
      try Data(bytes).write(to: url)
    }
    return "artefacts: changed"
  }
}
