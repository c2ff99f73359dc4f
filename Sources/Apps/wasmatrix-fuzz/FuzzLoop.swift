import ArgumentParser
import ClusterModel
import Foundation
import WasmtimeEngine

/// Runs cases in this process, and notes each before it begins.
struct FuzzLoop {
  private let fuzz: Fuzz
  private let seed: UInt64
  private let folder: String

  init(_ fuzz: Fuzz, seed: UInt64, folder: String) {
    self.fuzz = fuzz
    self.seed = seed
    self.folder = folder
  }

  /// What lies beside the folder that guests run in; none may change it.
  static let neighbour = "neighbour"
  static let neighbourText = Data("as it was".utf8)
  /// The files of a case, beside the number of the case.
  static let caseFile = "case"

  func run() async throws {
    let room = folder + "/room"
    try FileManager.default.createDirectory(atPath: room, withIntermediateDirectories: true)
    let neighbour = URL(fileURLWithPath: folder + "/" + Self.neighbour)
    try Self.neighbourText.write(to: neighbour)
    let seeds = fuzz.target == .modules ? try fuzz.seeds() : []
    guard FileManager.default.changeCurrentDirectoryPath(room) else {
      throw Violation("\(room) is no folder to be in")
    }
    let cache = folder + "/cache"
    let engine = try WasmtimeEngine(
      cacheFolder: fuzz.target == .modules ? cache : nil, scratchFolder: folder + "/scratch")
    let target: any FuzzTarget =
      switch fuzz.target {
      case .host: try await HostFunctionsTarget(engine)
      case .modules: ModuleTarget(engine: engine, cacheFolder: cache, seeds: seeds)
      }
    var coverage = FuzzCoverage()
    let end = ContinuousClock.now + .seconds(fuzz.minutes * 60)
    var number = fuzz.first
    while ContinuousClock.now < end, fuzz.cases.map({ number - fuzz.first < $0 }) ?? true {
      var random = FuzzRandom(seed: seed, number: number)
      let inputs = target.inputs(&random)
      try note(number, inputs)
      do {
        try await target.run(inputs, &random, &coverage)
        guard try Data(contentsOf: neighbour) == Self.neighbourText,
          try FileManager.default.contentsOfDirectory(atPath: room).isEmpty
        else { throw Violation("a guest wrote outside of what it was given") }
      } catch {
        FileHandle.standardError.write(Data("case \(number): \(error)\n".utf8))
        throw ExitCode.failure
      }
      number += 1
    }
    engine.stop()
    report(number - fuzz.first, coverage)
  }

  /// Kept before it runs: a crash leaves no time to.
  private func note(_ number: UInt64, _ inputs: [[UInt8]]) throws {
    for (index, module) in inputs.enumerated() {
      try Data(module).write(to: URL(fileURLWithPath: "\(folder)/\(Self.caseFile)-\(index).wasm"))
    }
    try Data("\(number) \(inputs.count)".utf8)
      .write(to: URL(fileURLWithPath: folder + "/" + Self.caseFile))
  }

  private func report(_ cases: UInt64, _ coverage: FuzzCoverage) {
    print("\(fuzz.target.rawValue): \(cases) cases of seed \(seed), nothing found")
    for (thing, count) in coverage.counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      print("  \(count)  \(thing)")
    }
  }
}
