import ArgumentParser
import ClusterModel
import Foundation
import WasmtimeEngine

/// Fuzzes what hostile modules can reach. The cases run in a process of their own, so that one that ends it
/// is found, kept and named.
@main struct Fuzz: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wasmatrix-fuzz",
    abstract: "Fuzz host functions, or modules and compiled modules.",
    discussion: """
      A case depends on the seed and its number only. When one fails its modules are written to files, and \
      the command that runs it again is printed.

      EXAMPLE
        wasmatrix-fuzz host --minutes 2
        wasmatrix-fuzz modules --seed 7 --first 1234 --cases 1
      """)

  enum Target: String, ExpressibleByArgument, CaseIterable { case host, modules }

  @Argument(
    help: "host: calls of host functions; modules: bytes of modules and of compiled modules.")
  var target: Target
  @Option(help: "Where the cases come from; another one each time when it is not given.")
  var seed: UInt64?
  @Option(help: "The number of the first case.") var first: UInt64 = 0
  @Option(help: "How many cases; without it as many as there is time for.") var cases: UInt64?
  @Option(help: "How long, at most.") var minutes: Double = 2
  @Option(help: ArgumentHelp("Real modules to change.", valueName: "dir"))
  var guests = "Guests/build"
  @Option(help: .hidden) var child: String?

  func validate() throws {
    guard minutes > 0, minutes <= 1440 else { throw ValidationError("--minutes is 0 to 1440") }
  }

  func run() async throws {
    let seed = seed ?? UInt64.random(in: 0 ... .max)
    if let child {
      try await FuzzLoop(self, seed: seed, folder: child).run()
    } else {
      try FuzzParent(self, seed: seed).run()
    }
  }

  /// The modules that `modules` changes.
  func seeds() throws -> [[UInt8]] {
    let names = try FileManager.default.contentsOfDirectory(atPath: guests).sorted()
      .filter { $0.hasSuffix(".wasm") }
    guard !names.isEmpty else {
      throw ValidationError("\(guests) holds no module; next: make guests")
    }
    return try names.map {
      Array(try Data(contentsOf: URL(fileURLWithPath: guests + "/" + $0)))
    }
  }
}
