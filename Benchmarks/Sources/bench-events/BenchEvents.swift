import ArgumentParser
import Foundation
import Measuring

/// Events and state beside what each is held against, in one run.
@main
struct BenchEvents: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-events",
    abstract: "Measures events and state beside what each is held against.")

  enum Part: String, CaseIterable, ExpressibleByArgument {
    case publishing, slower, sustained, handling, matching, caching, storm
  }

  @Option(
    help:
      "What to measure: publishing, slower, sustained, handling, matching, caching, storm; default: all."
  )
  var part: [Part] = []

  @Flag(help: "A tenth of everything.")
  var quick = false

  @Option(help: "The nats-server to compare with; without it those rows are left out.")
  var nats: String?

  @Option(help: "The folder with sleep.wasm and upper.wasm.")
  var guests = "Guests/build"

  @Option(help: "A folder on the disk to measure; a new one in it is used and removed.")
  var folder = "."

  @Option(help: "Write what was measured there.")
  var json: String?

  struct Report: Encodable {
    var publishing: Publishing?
    var slower: [SlowerDisk] = []
    var sustained: Sustained?
    var handling: Handling?
    var matching: [Matching] = []
    var caching: [Caching] = []
    var storm: Storm?
  }

  func run() async throws {
    let parts = Set(part.isEmpty ? Part.allCases : part)
    let share = quick ? 10 : 1
    var report = Report()
    if parts.contains(.publishing) {
      let measured = try await Publishing(in: Workspace(in: folder), count: 4000 / share)
      report.publishing = measured
      print(measured.text)
    }
    if parts.contains(.slower) {
      report.slower = try await SlowerDisk.all(in: folder, count: 400 / share)
      print(SlowerDisk.text(report.slower))
    }
    if parts.contains(.sustained) {
      let measured = try await Sustained(in: Workspace(in: folder), count: 512_000 / share)
      report.sustained = measured
      print(measured.text)
    }
    if parts.contains(.handling) {
      let measured = try await Handling(
        in: Workspace(in: folder), nats: nats, guests: guests, count: 4000 / share)
      report.handling = measured
      print(measured.text)
    }
    if parts.contains(.matching) {
      report.matching = try Matching.all(events: 100_000 / share)
      print(Matching.text(report.matching))
    }
    if parts.contains(.caching) {
      for keys in [10_000, 1_000_000] {
        let measured = try await Caching(keys: keys / share, reads: 5_000_000 / share)
        report.caching.append(measured)
        print(measured.text)
      }
    }
    if parts.contains(.storm) {
      let measured = try await Storm(
        in: Workspace(in: folder), guests: guests, seconds: 60 / share)
      report.storm = measured
      print(measured.text)
    }
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(report).write(to: URL(filePath: json))
    }
  }
}

/// A folder of its own, gone when nobody has it any more.
final class Workspace: Sendable {
  let path: String

  init(in folder: String) throws {
    path = URL(filePath: folder).path + "/bench-events-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  // What cannot be removed stays behind, and is named by what it is for.
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Nothing that is measured then means anything.
struct MeasuringFailed: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
