import ArgumentParser
import Foundation
import Measuring

/// The sandbox beside a C program with the same library, in one run.
@main
struct BenchSandbox: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-sandbox",
    abstract: "Measures the Wasm sandbox beside a C program that does the same work with the same library.")

  enum Part: String, CaseIterable, ExpressibleByArgument {
    case fresh, streams
  }

  @Option(help: "What to measure; default: all.")
  var part: [Part] = []

  @Flag(help: "A tenth of everything.")
  var quick = false

  @Option(help: "The folder with sleep.wasm, spin.wasm, upper.wasm.")
  var guests = "Guests/build"

  @Option(help: "The folder with the kernels as guests.")
  var kernels = "Benchmarks/.build/guests"

  func run() async throws {
    let parts = Set(part.isEmpty ? Part.allCases : part)
    let share = quick ? 10 : 1
    if parts.contains(.fresh) { print(try await Fresh.rows(count: 40_000 / share).text) }
    if parts.contains(.streams) {
      print(try await Streams.rows(guests: guests, count: 20_000 / share).text)
    }
  }
}
