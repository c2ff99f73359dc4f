import ClusterModel
import Foundation
import GRDB

/// What the event log does within a transaction.
struct EventWriter {
  let database: Database

  /// How much of a result is kept for whoever waits for it.
  static let keptOutput = 64 << 10
  /// Failed attempts that are remembered of a delivery, the newest ones.
  static let keptAttempts = 20

  func append(_ accepted: AcceptedEvent) throws -> AppendedEvent {
    let event = accepted.event
    let insertEvent = try database.cachedStatement(
      sql: """
        INSERT INTO events (envelope, data, accepted_at, principal, footprint, open)
        VALUES (?, ?, ?, ?, ?, ?)
        """)
    try insertEvent.execute(arguments: [
      try EventTables.encode(StoredEnvelope(event)), Data(event.data),
      accepted.acceptedAt.microseconds, try EventTables.encode(accepted.principal),
      event.footprint.bytes, accepted.targets.count,
    ])
    let offset = database.lastInsertedRowID
    var deliveries: [DeliveryID] = []
    for target in accepted.targets {
      let insertDelivery = try database.cachedStatement(
        sql: """
          INSERT INTO deliveries
            ("offset", namespace, module, state, attempts, output_length, history)
          VALUES (?, ?, ?, 0, 0, 0, '[]')
          """)
      try insertDelivery.execute(arguments: [offset, event.namespace.text, target.text])
      deliveries.append(DeliveryID(database.lastInsertedRowID))
    }
    return AppendedEvent(offset: EventOffset(offset), deliveries: deliveries)
  }

  /// A change to a delivery that is not pending any more changes nothing.
  func record(_ change: DeliveryChange) throws -> AppendedEvent? {
    let select = try database.cachedStatement(
      sql: "SELECT \"offset\", history FROM deliveries WHERE id = ? AND state = 0")
    guard let row = try Row.fetchOne(select, arguments: [change.delivery.number]) else {
      return nil
    }
    let offset: Int64 = row["offset"]
    switch change.outcome {
    case .succeeded(let output, let published):
      try succeed(change, output, offset)
      return try published.map { try append($0) }
    case .failed(let failure):
      let history = try history(row, adding: failure, change)
      let update = try database.cachedStatement(
        sql: "UPDATE deliveries SET attempts = ?, history = ? WHERE id = ?")
      try update.execute(arguments: [change.attempt, history, change.delivery.number])
    case .dead(let failure):
      let history = try history(row, adding: failure, change)
      let update = try database.cachedStatement(
        sql: """
          UPDATE deliveries SET state = 2, attempts = ?, history = ?, settled_at = ? WHERE id = ?
          """)
      try update.execute(arguments: [
        change.attempt, history, change.at.microseconds, change.delivery.number,
      ])
    }
    return nil
  }

  private func succeed(_ change: DeliveryChange, _ output: [UInt8], _ offset: Int64) throws {
    let kept = output.prefix(Self.keptOutput)
    let update = try database.cachedStatement(
      sql: """
        UPDATE deliveries
        SET state = 1, attempts = ?, output = ?, output_length = ?, settled_at = ? WHERE id = ?
        """)
    try update.execute(arguments: [
      change.attempt, Data(kept), output.count, change.at.microseconds, change.delivery.number,
    ])
    try close(offset, adding: kept.count)
  }

  /// One delivery less keeps the event; what is kept of its result counts.
  func close(_ offset: Int64, adding bytes: Int = 0) throws {
    let update = try database.cachedStatement(
      sql: "UPDATE events SET open = open - 1, footprint = footprint + ? WHERE \"offset\" = ?")
    try update.execute(arguments: [bytes, offset])
  }

  private func history(
    _ row: Row, adding failure: ActivationFailure, _ change: DeliveryChange
  ) throws -> String {
    var history: [FailedAttempt] = try EventTables.decode(row["history"])
    history.append(FailedAttempt(attempt: change.attempt, at: change.at, failure: failure))
    return try EventTables.encode(Array(history.suffix(Self.keptAttempts)))
  }

  func dropDeadLetter(_ id: DeliveryID) throws -> Bool {
    guard let offset = try offsetOfDeadLetter(id) else { return false }
    try database.execute(
      sql: "UPDATE deliveries SET state = 3 WHERE id = ?", arguments: [id.number])
    try close(offset)
    return true
  }

  func replayDeadLetter(_ id: DeliveryID) throws -> PendingDelivery? {
    guard try offsetOfDeadLetter(id) != nil else { return nil }
    try database.execute(
      sql: "UPDATE deliveries SET state = 0, attempts = 0, settled_at = NULL WHERE id = ?",
      arguments: [id.number])
    return try EventReader(database: database).pendingDeliveries(only: id).first
  }

  private func offsetOfDeadLetter(_ id: DeliveryID) throws -> Int64? {
    try Int64.fetchOne(
      database, sql: "SELECT \"offset\" FROM deliveries WHERE id = ? AND state = 2",
      arguments: [id.number])
  }

  /// Forgets the oldest settled events beyond a number and an amount of bytes.
  func trim(keepingEvents count: Int, bytes: Int) throws {
    var kept = 0
    var keptBytes = 0
    var last: Int64?
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT \"offset\", footprint FROM events WHERE open = 0 ORDER BY \"offset\" DESC")
    while let row = try rows.next() {
      kept += 1
      keptBytes += row["footprint"] as Int
      if kept > count || keptBytes > bytes {
        last = row["offset"]
        break
      }
    }
    guard let last else { return }
    try database.execute(
      sql: """
        DELETE FROM deliveries WHERE "offset" IN
          (SELECT "offset" FROM events WHERE open = 0 AND "offset" <= ?);
        DELETE FROM events WHERE open = 0 AND "offset" <= ?;
        """, arguments: [last, last])
  }
}
