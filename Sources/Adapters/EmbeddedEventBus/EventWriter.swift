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
struct EventWriter {
  let database: Database

  /// How much of a result is kept for whoever waits for it.
  static let keptOutput = 64 << 10
  /// Failed attempts that are remembered of a delivery, the newest ones.
  static let keptAttempts = 20

  func append(_ event: StoredEvent) throws -> AppendedEvent {
    let insertEvent = try database.cachedStatement(
      sql: """
        INSERT INTO events
          (accepted_at, principal_kind, principal_name, footprint, envelope, data)
        VALUES (?, ?, ?, ?, ?, ?)
        """)
    try insertEvent.execute(arguments: [
      event.acceptedAt.microseconds, event.principal.kind.rawValue, event.principal.name,
      event.footprint.bytes, event.envelope, event.data,
    ])
    let offset = EventOffset(database.lastInsertedRowID)
    let insertDelivery = try database.cachedStatement(
      sql: """
        INSERT INTO deliveries
          ("offset", state, attempts, footprint, namespace, module, output_length, history)
        VALUES (?, 0, 0, ?, ?, ?, 0, '[]')
        """)
    let deliveries = try event.targets.map { target in
      try insertDelivery.execute(arguments: [
        offset.number, event.footprint.bytes, event.namespace.text, target.text,
      ])
      return DeliveryID(database.lastInsertedRowID)
    }
    if deliveries.isEmpty { try settle(offset) }
    return AppendedEvent(offset: offset, deliveries: deliveries)
  }

  /// A change to a delivery that is not pending any more changes nothing, nor does a failed attempt
  /// that was recorded before. What came of a success is for the caller to write.
  func record(_ change: DeliveryChange) throws {
    guard let row = try pending(change) else { return }
    switch change.outcome {
    case .succeeded(let output, _): _ = try succeed(change, output)
    case .failed(let failure):
      guard change.attempt > (try row.decode(Int.self, atIndex: 1)) else { return }
      let update = try database.cachedStatement(
        sql: "UPDATE deliveries SET attempts = ?, history = ? WHERE id = ?")
      try update.execute(arguments: [
        change.attempt, try history(row.decode(atIndex: 2), adding: failure, change),
        change.delivery.number,
      ])
    case .dead(let failure):
      let update = try database.cachedStatement(
        sql: """
          UPDATE deliveries SET state = 2, attempts = ?, history = ?, died_at = ? WHERE id = ?
          """)
      try update.execute(arguments: [
        change.attempt, try history(row.decode(atIndex: 2), adding: failure, change),
        change.at.microseconds, change.delivery.number,
      ])
    }
  }

  private func pending(_ change: DeliveryChange) throws -> Row? {
    let select = try database.cachedStatement(
      sql: #"SELECT "offset", attempts, history FROM deliveries WHERE id = ? AND state = 0"#)
    return try Row.fetchOne(select, arguments: [change.delivery.number])
  }

  /// - Returns: whether it was pending; else nothing has changed.
  func succeed(_ change: DeliveryChange, _ output: [UInt8]) throws -> Bool {
    guard let row = try pending(change) else { return false }
    let offset = EventOffset(try row.decode(atIndex: 0))
    let update = try database.cachedStatement(
      sql: """
        UPDATE deliveries SET state = 1, attempts = ?, output_length = ?, output = ? WHERE id = ?
        """)
    try update.execute(arguments: [
      change.attempt, output.count, Data(output.prefix(Self.keptOutput)), change.delivery.number,
    ])
    try settle(offset)
    return true
  }

  private func history(
    _ text: String, adding failure: ActivationFailure, _ change: DeliveryChange
  ) throws -> String {
    var history: [FailedAttempt] = try EventTables.decode(text)
    history.append(FailedAttempt(attempt: change.attempt, at: change.at, failure: failure))
    return try EventTables.encode(Array(history.suffix(Self.keptAttempts)))
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
        """)
    try insert.execute(arguments: [offset.number])
  }

  func dropDeadLetter(_ id: DeliveryID) throws -> Bool {
    let offset = try Row.fetchOne(
      database, sql: #"SELECT "offset" FROM deliveries WHERE id = ? AND state = 2"#,
      arguments: [id.number])
    guard let offset else { return false }
    try database.execute(
      sql: "UPDATE deliveries SET state = 3 WHERE id = ?", arguments: [id.number])
    try settle(EventOffset(try offset.decode(atIndex: 0)))
    return true
  }

  func replayDeadLetter(_ id: DeliveryID) throws -> PendingDelivery? {
    try database.execute(
      sql: """
        UPDATE deliveries SET state = 0, attempts = 0, died_at = NULL WHERE id = ? AND state = 2
        """, arguments: [id.number])
    guard database.changesCount == 1 else { return nil }
    return try EventReader(database: database).pendingDelivery(id)
  }

  /// Forgets the oldest settled events beyond a number and an amount of bytes.
  ///
  /// - Parameter limit: events at most, so that no writer waits long for it.
  func trim(keepingEvents count: Int, bytes: Int, limit: Int) throws {
    let totals = try Row.fetchOne(
      database, sql: "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM settled")
    guard let totals else { return }
    var excessEvents = try totals.decode(Int.self, atIndex: 0) - count
    var excessBytes = try totals.decode(Int.self, atIndex: 1) - bytes
    guard excessEvents > 0 || excessBytes > 0 else { return }
    var last: Int64?
    for row in try Row.fetchAll(
      database, sql: #"SELECT "offset", bytes FROM settled ORDER BY "offset" LIMIT ?"#,
      arguments: [limit])
    where excessEvents > 0 || excessBytes > 0 {
      last = try row.decode(atIndex: 0)
      excessEvents -= 1
      excessBytes -= try row.decode(Int.self, atIndex: 1)
    }
    for statement in [
      #"DELETE FROM deliveries WHERE "offset" IN"#, #"DELETE FROM events WHERE "offset" IN"#,
      #"DELETE FROM settled WHERE "offset" IN"#,
    ] {
      try database.execute(
        sql: statement + #" (SELECT "offset" FROM settled WHERE "offset" <= ?)"#,
        arguments: [last])
    }
  }
}
