import ClusterModel
import Foundation
import GRDB

/// What the event log does within a transaction.
///
///                    ┌──failed──┐
///                    ▼          │
///     append ──▶ pending ───────┘──succeeded──▶ succeeded
///                  ▲  │
///           replay │  │ dead
///                  │  ▼
///                  dead ──drop──▶ dropped
///
/// One that is found to be damaged is put out of the way, and nothing is done with it any more.
struct EventWriter {
  let database: Database
  let report: DamageReport
  private let settled: SettledTotals
  /// What it did that ``LogIndex`` has to know.
  private(set) var changes = LogChanges()

  init(database: Database, report: DamageReport, settled: SettledTotals) {
    self.database = database
    self.report = report
    self.settled = settled
  }

  private var reader: EventReader { EventReader(database: database, report: report) }

  /// Carries out what the journal has beyond the tables.
  ///
  /// - Parameter isSynced: whether it has to be on the disk after this transaction. SQLite syncs what it writes: when
  ///   a reader has put all of it there, without a sync, there must be something to write.
  /// - Returns: the number of its last frame.
  func catchUp(with backlog: Backlog, isSynced: Bool) throws -> UInt64 {
    let select = try database.cachedStatement(sql: "SELECT applied FROM journal")
    let applied = UInt64(bitPattern: try Int64.fetchOne(select) ?? 0)
    let frames = backlog.frames(after: applied)
    guard let last = frames.last?.number else {
      if isSynced, !backlog.isDurable(through: applied) { try countSync() }
      return applied
    }
    var folded = FoldedEntries()
    for frame in frames {
      for entry in frame.entries { try folded.add(entry) }
    }
    try apply(folded)
    try hasApplied(last)
    return last
  }

  /// The same value again would not be written.
  private func countSync() throws {
    try database.cachedStatement(sql: "UPDATE journal SET syncs = syncs + 1").execute()
  }

  /// From now on the journal is needed only from the frame after this one on.
  func hasApplied(_ frame: UInt64) throws {
    let update = try database.cachedStatement(sql: "UPDATE journal SET applied = ?")
    try update.execute(arguments: [Int64(bitPattern: frame)])
  }

  /// Carries out what was decided.
  func apply(_ folded: FoldedEntries) throws {
    for change in folded.changes { try carryOut(change) }
    try RowInserter(database, into: "events", StoredEvent.insertedColumns)
      .insert(folded.events) { $0.event.fill($1, at: $0.offset) }
    try insert(folded.deliveries)
    let settled = folded.settled
    try RowInserter(database, into: "settled", [#""offset""#, "bytes"])
      .insert(settled) { event, row in
        row.set(1, event.offset.number)
        row.set(2, Int64(event.bytes))
      }
    self.settled.add(settled.count, bytes: settled.reduce(0) { $0 + $1.bytes })
    try EventIdentities.insert(folded.publishes, into: database)
  }

  private func insert(_ deliveries: [StoredDelivery]) throws {
    try RowInserter(database, into: "deliveries", StoredDelivery.insertedColumns)
      .insert(deliveries) { $0.fill($1) }
  }

  /// Appends an event that comes of something else.
  mutating func append(_ event: StoredEvent) throws -> AppendedEvent {
    let numbered = NumberedEvent(
      offset: EventOffset(try nextNumber(of: "events")),
      firstDelivery: event.targets.isEmpty ? 0 : try nextNumber(of: "deliveries"),
      identityNumber: nil, event: event)
    try apply(FoldedEntries(LogEntry(change: nil, events: [numbered])))
    changes.appended(numbered)
    return numbered.appended
  }

  /// The number that the next row of a table is to get: one that none ever had.
  func nextNumber(of table: String) throws -> Int64 {
    let select = try database.cachedStatement(
      sql: "SELECT seq FROM sqlite_sequence WHERE name = ?")
    return 1 + (try Int64.fetchOne(select, arguments: [table]) ?? 0)
  }

  private func carryOut(_ change: StoredChange) throws {
    guard case .found(var delivery) = try pending(change.delivery), try delivery.apply(change)
    else {
      return
    }
    try delivery.update(in: database)
    if delivery.state == .succeeded { try settle(delivery.offset) }
  }

  /// Records what became of a delivery, if that was not recorded before; what comes of it is written when it
  /// was not.
  ///
  /// - Returns: whether something comes of it.
  mutating func record(_ change: StoredChange) throws -> Bool {
    if case .none = try pending(change.delivery) { return false }
    try carryOut(change)
    changes.settled(change.delivery)
    return true
  }

  private enum Pending {
    case none, damaged
    case found(StoredDelivery)
  }

  /// A damaged one is put out of the way; what came of it is not lost.
  private func pending(_ id: DeliveryID) throws -> Pending {
    let select = try database.cachedStatement(
      sql: "SELECT \(StoredDelivery.columns) FROM deliveries WHERE id = ? AND state = 0")
    guard let row = try Row.fetchOne(select, arguments: [id.number]) else { return .none }
    if let delivery = try reader.readable(row) { return .found(delivery) }
    try putOutOfTheWay(id)
    return .damaged
  }

  private func putOutOfTheWay(_ id: DeliveryID) throws {
    let update = try database.cachedStatement(sql: "UPDATE deliveries SET state = 4 WHERE id = ?")
    try update.execute(arguments: [id.number])
  }

  /// Marks an event that no delivery keeps any more, pending or dead, as one that may be forgotten.
  private func settle(_ offset: EventOffset) throws {
    let insert = try database.cachedStatement(
      sql: """
        INSERT INTO settled ("offset", bytes)
        SELECT "offset", footprint + (
          SELECT COALESCE(SUM(COALESCE(LENGTH(output), 0) + LENGTH(history)), 0) FROM deliveries
          WHERE deliveries."offset" = events."offset")
        FROM events WHERE "offset" = ?1 AND NOT EXISTS (
          SELECT 1 FROM deliveries WHERE deliveries."offset" = ?1 AND state IN (0, 2))
        RETURNING bytes
        """)
    if let bytes = try Int.fetchOne(insert, arguments: [offset.number]) {
      settled.add(1, bytes: bytes)
    }
  }

  /// A damaged one is dropped as well.
  func dropDeadLetter(_ id: DeliveryID) throws -> Bool {
    guard let row = try dead(id) else { return false }
    if var delivery = try reader.readable(row) {
      delivery.state = .dropped
      try delivery.update(in: database)
      try settle(delivery.offset)
    } else {
      try putOutOfTheWay(id)
    }
    return true
  }

  mutating func replayDeadLetter(_ id: DeliveryID) throws -> PendingDelivery? {
    guard let row = try dead(id) else { return nil }
    guard var delivery = try reader.readable(row) else { throw report.note(id) }
    delivery.state = .pending
    delivery.attempts = 0
    delivery.diedAt = nil
    try delivery.update(in: database)
    changes.owes(id)
    return delivery.pending
  }

  private func dead(_ id: DeliveryID) throws -> Row? {
    try Row.fetchOne(
      database, sql: "SELECT \(StoredDelivery.columns) FROM deliveries WHERE id = ? AND state = 2",
      arguments: [id.number])
  }

  /// Owes an event once more; nothing when it is no longer kept.
  mutating func deliverAgain(_ event: Redelivery) throws -> [PendingDelivery] {
    let select = try database.cachedStatement(
      sql: #"SELECT footprint FROM events WHERE "offset" = ?"#)
    guard let footprint = try Int.fetchOne(select, arguments: [event.offset.number]),
      !event.targets.isEmpty
    else { return [] }
    let unsettle = try database.cachedStatement(
      sql: #"DELETE FROM settled WHERE "offset" = ? RETURNING bytes"#)
    if let bytes = try Int.fetchOne(unsettle, arguments: [event.offset.number]) {
      settled.add(-1, bytes: -bytes)
    }
    var number = try nextNumber(of: "deliveries")
    let deliveries = event.targets.map { target in
      defer { number += 1 }
      return StoredDelivery(
        DeliveryID(number), of: event.offset, ByteCount(bytes: footprint),
        to: QualifiedName(event.namespace, target), orderKey: event.orderKeys[target])
    }
    try insert(deliveries)
    for delivery in deliveries { changes.owes(delivery.id) }
    return deliveries.map(\.pending)
  }

  /// Forgets the oldest settled events beyond what is to be kept.
  ///
  /// - Parameter limit: events at most, so that no writer waits long for it.
  func trim(keeping retention: EventRetention, limit: Int, at now: WallInstant) throws {
    let totals = try settled.totals(database)
    var excessEvents = totals.events - retention.events
    var excessBytes = totals.bytes - retention.size.bytes
    let oldest = retention.age.map { now + (.zero - $0) }
    let (events, bytes) = (excessEvents, excessBytes)
    var offsets: ClosedRange<Int64>?
    let select = try database.cachedStatement(
      sql: #"SELECT "offset", bytes FROM settled ORDER BY "offset" LIMIT ?"#)
    let rows = try Row.fetchCursor(select, arguments: [limit])
    while let row = try rows.next() {
      let offset: Int64 = try row.decode(atIndex: 0)
      guard try excessEvents > 0 || excessBytes > 0 || isOlder(offset, than: oldest) else { break }
      offsets = (offsets?.lowerBound ?? offset)...offset
      excessEvents -= 1
      excessBytes -= try row.decode(Int.self, atIndex: 1)
    }
    guard let offsets else { return }
    settled.add(excessEvents - events, bytes: excessBytes - bytes)
    // Most often no other event lies between them, and a range goes without looking each of them up.
    let isWhole = offsets.count == events - excessEvents
    let range = #""offset" BETWEEN ? AND ?"#
    let chosen = isWhole ? range : #""offset" IN (SELECT "offset" FROM settled WHERE \#(range))"#
    for statement in [
      "DELETE FROM deliveries WHERE \(chosen)", "DELETE FROM events WHERE \(chosen)",
      "DELETE FROM settled WHERE \(range)",
    ] {
      try database.cachedStatement(sql: statement)
        .execute(arguments: [offsets.lowerBound, offsets.upperBound])
    }
  }

  /// Whether an event was accepted before a time, or is not there.
  private func isOlder(_ offset: Int64, than time: WallInstant?) throws -> Bool {
    guard let time else { return false }
    let select = try database.cachedStatement(
      sql: #"SELECT accepted_at FROM events WHERE "offset" = ?"#)
    return try Int64.fetchOne(select, arguments: [offset]) ?? 0 < time.microseconds
  }
}
