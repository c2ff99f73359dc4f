import ClusterModel
import Foundation
import GRDB

/// What is read of the event log.
struct EventReader {
  let database: Database

  /// - Parameter id: only this one; `nil` for all.
  func pendingDeliveries(only id: DeliveryID? = nil) throws -> [PendingDelivery] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT deliveries.id, deliveries."offset", namespace, module, attempts, footprint
        FROM deliveries JOIN events ON events."offset" = deliveries."offset"
        WHERE state = 0 AND (?1 IS NULL OR id = ?1) ORDER BY id
        """, arguments: [id?.number]
    ).map { row in
      PendingDelivery(
        id: DeliveryID(row["id"]), offset: EventOffset(row["offset"]),
        namespace: try Namespace(row["namespace"] as String),
        module: try ModuleName(row["module"] as String),
        failedAttempts: row["attempts"], footprint: ByteCount(bytes: row["footprint"]))
    }
  }

  func event(at offset: EventOffset) throws -> Event? {
    let select = try database.cachedStatement(
      sql: "SELECT envelope, data FROM events WHERE \"offset\" = ?")
    return try Row.fetchOne(select, arguments: [offset.number]).map { try event($0) }
  }

  private func event(_ row: Row) throws -> Event {
    let envelope: StoredEnvelope = try EventTables.decode(row["envelope"])
    return envelope.event(data: EventTables.bytes(row, "data"))
  }

  func status(of offset: EventOffset) throws -> EventStatus? {
    guard
      let row = try Row.fetchOne(
        database, sql: "SELECT envelope, data, accepted_at FROM events WHERE \"offset\" = ?",
        arguments: [offset.number])
    else { return nil }
    let deliveries = try Row.fetchAll(
      database, sql: "SELECT * FROM deliveries WHERE \"offset\" = ? ORDER BY id",
      arguments: [offset.number])
    return EventStatus(
      offset: offset, event: try event(row),
      acceptedAt: WallInstant(microseconds: row["accepted_at"]),
      deliveries: try deliveries.map { try delivery($0) })
  }

  private func delivery(_ row: Row) throws -> EventStatus.Delivery {
    let history: [FailedAttempt] = try EventTables.decode(row["history"])
    let output = EventTables.bytes(row, "output")
    return EventStatus.Delivery(
      id: DeliveryID(row["id"]), module: try ModuleName(row["module"] as String),
      state: try EventTables.State(row["state"]).status, attempts: row["attempts"],
      output: output, outputTruncated: output.count < (row["output_length"] as Int),
      failure: history.last?.failure)
  }

  /// - Parameter single: `id` only, instead of everything from it on.
  func deadLetters(from id: DeliveryID, limit: Int, single: Bool = false) throws -> [DeadLetter] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT id, deliveries."offset", module, history, settled_at, envelope, data
        FROM deliveries JOIN events ON events."offset" = deliveries."offset"
        WHERE state = 2 AND id \(single ? "=" : ">=") ? ORDER BY id LIMIT ?
        """, arguments: [id.number, limit]
    ).map { row in
      DeadLetter(
        id: DeliveryID(row["id"]), offset: EventOffset(row["offset"]),
        module: try ModuleName(row["module"] as String), event: try event(row),
        diedAt: WallInstant(microseconds: row["settled_at"]),
        history: try EventTables.decode(row["history"]))
    }
  }
}
