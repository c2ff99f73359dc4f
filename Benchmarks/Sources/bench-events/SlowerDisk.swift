import CSlowSync
import DurableSQLite
import EmbeddedEventBus
import Measuring

/// How much many publishers gain over one when a sync takes longer than on this disk: whatever syncs waits that
/// much longer, as on the flash memory of small devices.
struct SlowerDisk: Encodable {
  /// What is added to each sync, in microseconds.
  let added: Int
  /// A sync of a page, what is added included; microseconds.
  let synced: Times
  /// Events a second: one publisher, and many; of each round.
  let single: Spread
  let grouped: Spread
  let ratio: Spread

  static let rounds = 5
  private static let steps = [0, 250, 500, 1000, 4000]

  /// - Parameter count: events that one publisher publishes in each round.
  static func all(in folder: String, count: Int) async throws -> [SlowerDisk] {
    var all: [SlowerDisk] = []
    for step in steps {
      all.append(try await SlowerDisk(in: Workspace(in: folder), added: step, count: count))
    }
    return all
  }

  private init(in workspace: Workspace, added: Int, count: Int) async throws {
    let bare = try SyncedWrites(in: workspace)
    let log = try EventDatabase(in: DataFolder(workspace.path + "/data"))
    slow_sync_by(added * 1000)
    defer { slow_sync_by(0) }
    var number = 0
    var syncs: [Int64] = []
    var (singles, rates, ratios): ([Double], [Double], [Double]) = ([], [], [])
    for round in 0...Self.rounds {
      var lasted: Int64 = 0
      for _ in 0..<count {
        number += 1
        let sync = try bare.one()
        let event = Sample.accepted(number)
        let start = Measuring.clock()
        _ = try await log.append(event)
        lasted += Measuring.clock() - start
        if round > 0 { syncs.append(sync) }
      }
      let each = max(count / 10, 4)
      let seconds = try await Publishing.crowd(log, from: number, each: each)
      number += Publishing.publishers * each
      // The first round only warms up.
      if round == 0 { continue }
      let (single, rate) = (
        Double(count) * 1e9 / Double(lasted), Double(Publishing.publishers * each) / seconds
      )
      singles.append(single)
      rates.append(rate)
      ratios.append(rate / single)
    }
    try await log.close()
    self.added = added
    synced = Times(syncs)
    single = Spread(singles)
    grouped = Spread(rates)
    ratio = Spread(ratios)
  }

  static func text(_ disks: [SlowerDisk]) -> String {
    let rows = disks.map { disk in
      """
      | \(disk.added) | \(Times.text(disk.synced.p50)) | \(Spread.whole(disk.single)) \
      | \(Spread.whole(disk.grouped)) | \(disk.ratio.text) |
      """
    }
    return """
      Each sync takes longer than on this disk; microseconds. A page is synced before each event of the one \
      publisher (n \(disks.first?.synced.count ?? 0)). Events a second; the median of \(rounds) rounds (the \
      least to the most).

      | added to a sync | a page written and fdatasync, p50 | one publisher | \(Publishing.publishers) \
      publishers | to one |
      |---|---|---|---|---|
      \(rows.joined(separator: "\n"))

      """
  }
}
