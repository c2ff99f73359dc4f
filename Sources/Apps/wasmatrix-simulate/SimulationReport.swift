import ClusterSimulator

/// What came of all seeds together.
struct SimulationReport {
  private(set) var coverage = Coverage()
  private(set) var failed = 0
  private var seeds = 0
  private var happenings = 0
  private var events = 0
  private var moves: [Duration] = []
  private var convergences: [Duration] = []

  mutating func add(_ outcome: Simulation.Outcome) {
    seeds += 1
    if !outcome.failures.isEmpty { failed += 1 }
    coverage.add(outcome.coverage)
    happenings += outcome.happenings
    events += outcome.eventsAccepted
    moves += outcome.moves
    if let convergence = outcome.convergence { convergences.append(convergence) }
  }

  func text(took: Duration) -> String {
    var lines = ["what occurred, and how often:"]
    for (name, count) in coverage.table {
      let padding = String(repeating: " ", count: max(1, 44 - name.utf8.count))
      lines.append("  \(name)\(padding)\(count)")
    }
    lines.append("silence of a node until all its work was elsewhere (virtual time):")
    lines += histogram(moves)
    lines.append("healing until rest (virtual time):")
    lines += histogram(convergences)
    let seconds = max(0.001, Self.seconds(took))
    lines.append(
      "\(seeds) seeds, \(failed) failed, \(happenings) happenings, \(events) events accepted, "
        + "\(Int(Double(happenings) / seconds)) happenings a second, \(Int(seconds.rounded())) s")
    return lines.joined(separator: "\n")
  }

  /// Powers of two in milliseconds.
  private func histogram(_ durations: [Duration]) -> [String] {
    guard !durations.isEmpty else { return ["  none"] }
    let sorted = durations.sorted()
    var lines: [String] = []
    var bound = 1
    var index = 0
    while index < sorted.count {
      let end = sorted[index...].firstIndex { $0 > .milliseconds(bound) } ?? sorted.count
      if end > index {
        let share = 100 * (end - index) / sorted.count
        let bar = String(repeating: "#", count: max(1, share / 2))
        lines.append("  up to \(bound) ms: \(end - index) \(bar)")
      }
      index = end
      bound *= 2
    }
    let middle = sorted[sorted.count / 2]
    let high = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
    lines.append(
      "  n \(sorted.count), median \(Int(Self.seconds(middle) * 1000)) ms, "
        + "p99 \(Int(Self.seconds(high) * 1000)) ms")
    return lines
  }

  private static func seconds(_ duration: Duration) -> Double {
    let (seconds, attoseconds) = duration.components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
