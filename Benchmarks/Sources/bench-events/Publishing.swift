import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import Measuring

/// Publishing at the port of the bus: one at a time beside a bare fdatasync, and many at once beside one at
/// a time.
struct Publishing: Encodable {
  let synced: Times
  let one: Times
  /// Of each round.
  let ratio: Spread
  /// Events a second: many publishers at once, one after the other, and rows of SQLite; of each round.
  let grouped: Spread
  let single: Spread
  let rows: Spread
  let groupedRatio: Spread
  /// The same in batches.
  let batched: Spread
  let batchedRatio: Spread
  /// To the rows of SQLite.
  let groupedToRows: Spread
  let groupedCommits: Int
  let groupedEvents: Int

  static let rounds = 5
  /// Publishers at the same time.
  static let publishers = 512
  /// Events of a batch, and who publishes batches at the same time.
  static let batch = 64
  static let batchPublishers = 16

  init(in workspace: Workspace, count: Int) async throws {
    let bare = try SyncedWrites(in: workspace)
    let log = try EventDatabase(in: DataFolder(workspace.path + "/data"))
    let table = try SQLiteRows(in: workspace)
    var (batchRates, batchSpeedUps): ([Double], [Double]) = ([], [])
    var (rowRates, toRows): ([Double], [Double]) = ([], [])
    var number = 0
    var (bares, ones): ([Int64], [Int64]) = ([], [])
    var (ratios, rates, singles, speedUps): ([Double], [Double], [Double], [Double]) =
      ([], [], [], [])
    var (commits, events) = (0, 0)
    for _ in 0..<200 {
      number += 1
      _ = try bare.one()
      _ = try await log.append(Sample.accepted(number))
    }
    for _ in 0..<Self.rounds {
      let first = ones.count
      for _ in 0..<(count / Self.rounds) {
        number += 1
        bares.append(try bare.one())
        let event = Sample.accepted(number)
        let start = Measuring.clock()
        _ = try await log.append(event)
        ones.append(Measuring.clock() - start)
      }
      let lasted = ones[first...].reduce(0, +)
      ratios.append(Times(Array(ones[first...])).p50 / Times(Array(bares[first...])).p50)
      let single = Double(ones.count - first) * 1e9 / Double(lasted)
      let rowRate = try table.rate(count / Self.rounds)
      rowRates.append(rowRate)
      let before = log.commits
      let each = max(count / 100, 4)
      let seconds = try await Self.crowd(log, from: number, each: each)
      number += Self.publishers * each
      commits += log.commits - before
      events += Self.publishers * each
      let rate = Double(Self.publishers * each) / seconds
      rates.append(rate)
      singles.append(single)
      speedUps.append(rate / single)
      toRows.append(rate / rowRate)
      let batches = max(count / 40, 4)
      let took = try await Self.batches(log, from: number, each: batches)
      let published = Self.batchPublishers * batches * Self.batch
      number += published
      batchRates.append(Double(published) / took)
      batchSpeedUps.append(Double(published) / took / single)
    }
    try await log.close()
    try table.close()
    synced = Times(bares)
    one = Times(ones)
    ratio = Spread(ratios)
    grouped = Spread(rates)
    single = Spread(singles)
    rows = Spread(rowRates)
    groupedRatio = Spread(speedUps)
    batched = Spread(batchRates)
    batchedRatio = Spread(batchSpeedUps)
    groupedToRows = Spread(toRows)
    groupedCommits = commits
    groupedEvents = events
  }

  /// - Returns: the seconds in which all publishers have published `each` events.
  @discardableResult
  static func crowd(
    _ log: EventDatabase, from first: Int, each: Int
  ) async throws -> Double {
    let start = Measuring.clock()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for publisher in 0..<publishers {
        group.addTask {
          for index in 0..<each {
            _ = try await log.append(Sample.accepted(first + 1 + publisher * each + index))
          }
        }
      }
      try await group.waitForAll()
    }
    return Double(Measuring.clock() - start) / 1e9
  }

  /// - Returns: the seconds in which all publishers have published `each` batches, one after the other.
  private static func batches(
    _ log: EventDatabase, from first: Int, each: Int
  ) async throws -> Double {
    let start = Measuring.clock()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for publisher in 0..<batchPublishers {
        group.addTask {
          for index in 0..<each {
            let from = first + 1 + (publisher * each + index) * batch
            let results = await log.append((from..<from + batch).map { Sample.accepted($0) })
            for result in results { _ = try result.get() }
          }
        }
      }
      try await group.waitForAll()
    }
    return Double(Measuring.clock() - start) / 1e9
  }

  var text: String {
    """
    Publishing, microseconds; an event of \(Sample.data.count) bytes of data. Ratios: the median of \
    \(Self.rounds) rounds (the least to the most).

    | | n | p50 | p99 | p50 / fdatasync |
    |---|---|---|---|---|
    | a page written and fdatasync | \(synced.count) | \(Times.text(synced.p50)) \
    | \(Times.text(synced.p99)) | 1 |
    | an event accepted | \(one.count) | \(Times.text(one.p50)) | \(Times.text(one.p99)) \
    | \(ratio.text) |

    | | a second | \(Self.publishers) publishers, to it |
    |---|---|---|
    | a row of a SQLite table, a transaction each | \(Spread.whole(rows)) | \(groupedToRows.text) |
    | one publisher, an event after the other | \(Spread.whole(single)) | \(groupedRatio.text) |
    | \(Self.publishers) publishers, \(groupedEvents) events in \(groupedCommits) commits \
    | \(Spread.whole(grouped)) | 1 |

    \(Self.batchPublishers) publishers, batches of \(Self.batch): \(Spread.whole(batched)) events a second, \
    \(batchedRatio.text) times one publisher with an event after the other.

    """
  }
}
