import CSandbox
import HostPorts
import Measuring
@_spi(Measuring) import WasmtimeEngine

/// Fresh instances a second with two workers beside one, and what the same threads make of it in C.
struct Workers: Encodable {
  struct Row: Encodable {
    let name: String
    /// Activations a second.
    let one: Spread
    let two: Spread
    let ratio: Spread
  }

  let rows: [Row]
  /// Ours to that of C, of each round.
  let toC: Spread

  static let rounds = 31
  /// So many are under way, each begun by the end of another, so that no worker waits.
  private static let chains = 64

  init(guest: String, count: Int) async throws {
    let bytes = try Guest.file(guest)
    let one = try SwiftSandbox(workers: 1, slots: 256)
    let two = try SwiftSandbox(workers: 2, slots: 256)
    defer {
      one.engine.stop()
      two.engine.stop()
    }
    let (oneModule, twoModule) = try (one.module(bytes), two.module(bytes))
    let c = CEngine(like: one).module(bytes, cs_way_fiber)
    var rates = [[Double]](repeating: [], count: 4)
    for round in 0...Self.rounds {
      let measured = [
        c.throughput(Guest.input, threads: 1, count: count),
        c.throughput(Guest.input, threads: 2, count: count),
        try await Self.throughput(one, oneModule, count),
        try await Self.throughput(two, twoModule, count),
      ]
      // The first one warms up.
      guard round > 0 else { continue }
      for (index, rate) in measured.enumerated() { rates[index].append(rate) }
    }
    let ratios = [0, 2].map { base in
      (0..<Self.rounds).map { rates[base + 1][$0] / rates[base][$0] }
    }
    rows = zip(["C", "Swift"], [0, 2]).map { name, base in
      Row(
        name: name, one: Spread(rates[base]), two: Spread(rates[base + 1]),
        ratio: Spread(ratios[base / 2]))
    }
    toC = Spread(zip(ratios[1], ratios[0]).map { $0 / $1 })
  }

  private static func throughput(
    _ sandbox: SwiftSandbox, _ module: any PreparedModule, _ count: Int
  ) async throws -> Double {
    let start = Measuring.clock()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<chains {
        group.addTask {
          // As events have their own bytes, whose references no other counts.
          let input = Guest.input.map { $0 }
          let starter = sandbox.engine.starter(of: module)
          _ = try await sandbox.runOnWorker(
            SwiftSandbox.activation(input), count / chains, isPinned: false
          ) { starter }
        }
      }
      try await group.waitForAll()
    }
    return Double(count / chains * chains) * 1e9 / Double(Measuring.clock() - start)
  }

  var text: String {
    var text = """
      Activations a second, 71 bytes in upper case. Ratios: the median of \(Self.rounds) rounds (the least \
      to the most). Ours to that of C: \(toC.text).

      | | one worker | two workers | two / one |
      |---|---|---|---|

      """
    for row in rows {
      text += "| \(row.name) | \(Spread.whole(row.one)) | \(Spread.whole(row.two)) "
      text += "| \(row.ratio.text) |\n"
    }
    return text
  }
}
