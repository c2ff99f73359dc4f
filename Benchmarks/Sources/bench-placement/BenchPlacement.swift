import ArgumentParser
import ClusterModel
import Foundation
import Measuring
import Scheduling

/// Placement decisions of the scheduler beside a C scan that decides the same, in one run.
@main
struct BenchPlacement: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-placement",
    abstract: "Measures placement decisions beside a C scan that decides the same.")

  @Option(help: "Sizes of fleets, with commas between.")
  var nodes = "1000,10000,100000,1000000"

  @Option(help: "Kinds of fleets, with commas between: world, plant, alike.")
  var fleets = "world,plant,alike"

  @Flag(help: "A tenth of the decisions.")
  var quick = false

  @Option(help: "Decisions of each fleet; default: 4200, and 420 above 100000 nodes.")
  var decisions: Int?

  @Option(help: "Write what was measured there.")
  var json: String?

  struct Report: Encodable {
    var deciding: [Deciding] = []
    var first: [FirstDeciding] = []
    var replacing: [Replacing] = []
  }

  func run() throws {
    let sizes = nodes.split(separator: ",").compactMap { Int($0) }
    let kinds = fleets.split(separator: ",").compactMap { FleetKind(rawValue: String($0)) }
    guard !sizes.isEmpty, sizes.allSatisfy({ (1...4_000_000).contains($0) }), !kinds.isEmpty else {
      throw ValidationError("sizes are 1 to 4000000; fleets are world, plant and alike")
    }
    var report = Report()
    for kind in kinds {
      for size in sizes { try measure(kind, size, &report) }
    }
    print(Self.text(report))
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(report).write(to: URL(filePath: json))
    }
  }

  private func measure(_ kind: FleetKind, _ size: Int, _ report: inout Report) throws {
    let fleet = try Fleet(kind, count: size)
    var scheduler = fleet.scheduler()
    let scan = CScan(fleet)
    let decisions = decisions ?? ((size > 100_000 ? 420 : 4200) / (quick ? 10 : 1))
    report.deciding.append(
      try Deciding(kind, fleet, &scheduler, scan, decisions: decisions))
    if size == 10_000 {
      report.replacing.append(
        try Replacing(kind, fleet, &scheduler, scan, deaths: quick ? 5 : 30))
    }
    guard kind != .alike else { return }
    report.first.append(
      try FirstDeciding(
        kind, fleet, &scheduler, scan, decisions: (size > 100_000 ? 20 : 100) / (quick ? 5 : 1)))
  }

  private static func text(_ report: Report) -> String {
    var text = """
      Microseconds. Swift / C: the median of \(Deciding.rounds) rounds (the least to the most).
      The C scan looks at every node with a threshold; the scheduler passes over nodes by the most
      that 16, 256 and 4096 of them can be worth. Both decided the same every time.

      | fleet | nodes | n | C p50 | C p99 | Swift p50 | Swift p99 | p50 Swift / C | p99 Swift / C | setLoad p50 |
      |---|---|---|---|---|---|---|---|---|---|

      """
    for row in report.deciding {
      text += "| \(row.fleet) | \(row.nodes) | \(row.c.count) | \(Times.text(row.c.p50)) "
      text += "| \(Times.text(row.c.p99)) | \(Times.text(row.swift.p50)) "
      text += "| \(Times.text(row.swift.p99)) | \(row.ratioP50.text) "
      text += "| \(Spread.text(row.ratioP99)) | \(Times.text(row.setLoad.p50)) |\n"
    }
    text += """

      The first decision with rules of a new origin, C with its columns:

      | fleet | nodes | n | C p50 | Swift p50 | Swift p99 | p50 Swift / C |
      |---|---|---|---|---|---|---|

      """
    for row in report.first {
      text += "| \(row.fleet) | \(row.nodes) | \(row.c.count) | \(Times.text(row.c.p50)) "
      text += "| \(Times.text(row.swift.p50)) | \(Times.text(row.swift.p99)) "
      text += "| \(Spread.text(row.swift.p50 / row.c.p50)) |\n"
    }
    text += """

      \(Replacing.placements) placements placed anew in one batch after the death of a node:

      | fleet | nodes | n | C p50 | Swift p50 | Swift p99 | p50 Swift / C |
      |---|---|---|---|---|---|---|

      """
    for row in report.replacing {
      text += "| \(row.fleet) | \(row.nodes) | \(row.c.count) | \(Times.text(row.c.p50)) "
      text += "| \(Times.text(row.swift.p50)) | \(Times.text(row.swift.p99)) "
      text += "| \(Spread.text(row.swift.p50 / row.c.p50)) |\n"
    }
    return text
  }
}
