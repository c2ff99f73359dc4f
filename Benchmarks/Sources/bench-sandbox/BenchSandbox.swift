import ArgumentParser
import Foundation
import Measuring

/// The sandbox beside a C program with the same library, in one run.
@main
struct BenchSandbox: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-sandbox",
    abstract:
      "Measures the sandbox beside a C program that does the same work with the same library.")

  enum Part: String, CaseIterable, ExpressibleByArgument {
    case fresh, calls, streams, artefact, workers, spinners, memory, kernels, compiling
  }

  @Option(
    help: """
      What to measure: fresh, calls, streams, artefact, workers, spinners, memory, kernels, compiling; \
      default: all.
      """)
  var part: [Part] = []

  @Flag(help: "A tenth of everything.")
  var quick = false

  @Option(help: "The folder with clean.wasm, sleep.wasm, spin.wasm, statistics.wasm.")
  var guests = "Guests/build"

  @Option(help: "The folder with upper.wasm and the kernels.")
  var ownGuests = "Benchmarks/.build/guests"

  @Option(help: "Write what was measured there.")
  var json: String?

  @Option(help: .hidden)
  var child: Child?

  @Option(help: .hidden)
  var guest = ""

  @Option(help: .hidden)
  var count = 0

  struct Report: Encodable {
    var rows: [Rows] = []
    var calls: SystemCalls?
    var workers: Workers?
    var spinners: Spinners?
    var memory: Suspended?
    var kernels: Kernels?
  }

  func run() async throws {
    if let child { return try await child.run(guest: guest, count: count) }
    let parts = part.isEmpty ? Part.allCases : part
    var report = Report()
    for part in parts { print(try await measure(part, &report)) }
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(report).write(to: URL(filePath: json))
    }
  }

  private func measure(_ part: Part, _ report: inout Report) async throws -> String {
    let share = quick ? 10 : 1
    let upper = ownGuests + "/upper.wasm"
    switch part {
    case .fresh: report.rows.append(try await Fresh.rows(count: 40_000 / share))
    case .streams:
      report.rows.append(try await Streams.rows(guest: upper, count: 40_000 / share))
    case .artefact:
      report.rows.append(try await Artefact.rows(guest: upper, count: 4000 / share))
    case .compiling:
      report.rows.append(
        try await Kernels.compiling(guests + "/statistics.wasm", count: 50 / share))
    case .calls:
      let measured = try SystemCalls(guest: upper, count: 5000 / share)
      report.calls = measured
      return measured.text
    case .workers:
      let measured = try await Workers(guest: upper, count: 32_000 / share)
      report.workers = measured
      return measured.text
    case .spinners:
      let measured = try await Spinners(
        guest: upper, guests: guests, spinners: 1000, count: 10_000 / share)
      report.spinners = measured
      return measured.text
    case .memory:
      let measured = try Suspended(
        guest: guests + "/sleep.wasm", counts: [1000 / share, 10_000 / share])
      report.memory = measured
      return measured.text
    case .kernels:
      let measured = try await Kernels(folder: ownGuests, rounds: quick ? 5 : 15)
      report.kernels = measured
      return measured.text
    }
    return report.rows.last?.text ?? ""
  }
}
