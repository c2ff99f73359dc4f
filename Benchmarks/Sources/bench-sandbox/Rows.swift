import Measuring

/// Ways to do the same work, measured in turns in one run. The turns are short, and every other round takes them in
/// the opposite order, so that what the machine does meanwhile meets all of them alike.
struct Rows: Encodable {
  /// One way: does the work so many times and says how long each took.
  struct Way {
    var name: String
    var run: (Int) async throws -> [Int64]

    init(_ name: String, _ run: @escaping (Int) async throws -> [Int64]) {
      self.name = name
      self.run = run
    }
  }

  struct Row: Encodable {
    let name: String
    let times: Times
    /// To the way that is the measure, of each round.
    let p50: Spread
    let p99: Spread
  }

  let title: String
  let measure: String
  let rows: [Row]

  /// - Parameter measure: the index of the way that the others are held against.
  init(
    _ title: String, _ ways: [Way], against measure: Int = 0, count: Int, rounds: Int = 100
  ) async throws {
    var times = [[Int64]](repeating: [], count: ways.count)
    var p50 = [[Double]](repeating: [], count: ways.count)
    var p99 = [[Double]](repeating: [], count: ways.count)
    for round in 0...rounds {
      // Each order on each of them.
      if round.isMultiple(of: 2) { Processor.change() }
      var ofRound = [Times](repeating: Times([]), count: ways.count)
      for index in round.isMultiple(of: 2) ? Array(ways.indices) : ways.indices.reversed() {
        let taken = try await ways[index].run(max(count / rounds, 1))
        ofRound[index] = Times(taken)
        // The first round warms up.
        if round > 0 { times[index] += taken }
      }
      guard round > 0 else { continue }
      for index in ways.indices {
        p50[index].append(ofRound[index].p50 / ofRound[measure].p50)
        p99[index].append(ofRound[index].p99 / ofRound[measure].p99)
      }
    }
    self.title = title
    self.measure = ways[measure].name
    rows = ways.indices.map {
      Row(
        name: ways[$0].name, times: Times(times[$0]), p50: Spread(p50[$0]), p99: Spread(p99[$0]))
    }
  }

  var text: String {
    var text = """
      \(title), microseconds. Ratios to "\(measure)": the median of the rounds (the least to the most).

      | | n | p50 | p99 | p50 ratio | p99 ratio |
      |---|---|---|---|---|---|

      """
    for row in rows {
      text += "| \(row.name) | \(row.times.count) | \(Times.text(row.times.p50)) "
      text += "| \(Times.text(row.times.p99)) | \(row.p50.text) | \(row.p99.text) |\n"
    }
    return text
  }
}

/// Nothing that is measured then means anything.
struct MeasuringFailed: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
