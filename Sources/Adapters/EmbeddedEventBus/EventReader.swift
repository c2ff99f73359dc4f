import ClusterModel
import Foundation
import GRDB

/// What is read of the event log. What does not read back is thrown, never trapped on: the file may
/// be damaged.
struct EventReader {
  let database: Database

  /// Bytes of event data in one list of dead letters. There is always one letter, however long.
  private static let listedData = 64 << 20

  private static let pendingColumns =
    #"SELECT id, "offset", namespace, module, attempts, footprint FROM deliveries"#

  private static let selectLetters = """
    SELECT id, deliveries."offset", module, died_at, history, envelope, data
    FROM deliveries JOIN events ON events."offset" = deliveries."offset" WHERE state = 2
    """

  func pendingDeliveries() throws -> [PendingDelivery] {
    var deliveries: [PendingDelivery] = []
    let rows = try Row.fetchCursor(
      database, sql: Self.pendingColumns + " WHERE state = 0 ORDER BY id")
    while let row = try rows.next() { deliveries.append(try pending(row)) }
    return deliveries
  }

  func pendingDelivery(_ id: DeliveryID) throws -> PendingDelivery? {
    try Row.fetchOne(
      database, sql: Self.pendingColumns + " WHERE state = 0 AND id = ?", arguments: [id.number]
    ).map { try pending($0) }
  }

  private func pending(_ row: Row) throws -> PendingDelivery {
    PendingDelivery(
      id: DeliveryID(try row.decode(atIndex: 0)), offset: EventOffset(try row.decode(atIndex: 1)),
      namespace: try Namespace(row.decode(String.self, atIndex: 2)),
      module: try ModuleName(row.decode(String.self, atIndex: 3)),
      failedAttempts: try row.decode(atIndex: 4),
      footprint: ByteCount(bytes: try row.decode(atIndex: 5)))
  }

  func event(at offset: EventOffset) throws -> Event? {
    let select = try database.cachedStatement(
      sql: #"SELECT envelope, data FROM events WHERE "offset" = ?"#)
    return try Row.fetchOne(select, arguments: [offset.number]).map { try event($0, from: 0) }
  }

  /// - Parameter column: of the envelope; the data is in the next.
  private func event(_ row: Row, from column: Int) throws -> Event {
    let envelope: StoredEnvelope = try EventTables.decode(row.decode(atIndex: column))
    return envelope.event(data: [UInt8](try row.decode(Data.self, atIndex: column + 1)))
  }

  func status(of offset: EventOffset) throws -> EventStatus? {
    let selectEvent = try database.cachedStatement(
      sql: #"SELECT accepted_at, envelope, data FROM events WHERE "offset" = ?"#)
    guard let row = try Row.fetchOne(selectEvent, arguments: [offset.number]) else { return nil }
    let selectDeliveries = try database.cachedStatement(
      sql: """
        SELECT id, module, state, attempts, output_length, history, output FROM deliveries
        WHERE "offset" = ? ORDER BY id
        """)
    let deliveries = try Row.fetchAll(selectDeliveries, arguments: [offset.number])
    return EventStatus(
      offset: offset, event: try event(row, from: 1),
      acceptedAt: WallInstant(microseconds: try row.decode(atIndex: 0)),
      deliveries: try deliveries.map { try delivery($0) })
  }

  private func delivery(_ row: Row) throws -> EventStatus.Delivery {
    let length: Int = try row.decode(atIndex: 4)
    let history: [FailedAttempt] = try EventTables.decode(row.decode(atIndex: 5))
    let output = [UInt8](try row.decode(Data?.self, atIndex: 6) ?? Data())
    return EventStatus.Delivery(
      id: DeliveryID(try row.decode(atIndex: 0)),
      module: try ModuleName(row.decode(String.self, atIndex: 1)),
      state: try EventTables.State(row.decode(atIndex: 2)).status,
      attempts: try row.decode(atIndex: 3), output: output,
      outputTruncated: output.count < length, failure: history.last?.failure)
  }

  func deadLetters(from id: DeliveryID, limit: Int) throws -> [DeadLetter] {
    var letters: [DeadLetter] = []
    var bytes = 0
    let rows = try Row.fetchCursor(
      database, sql: Self.selectLetters + " AND id >= ? ORDER BY id", arguments: [id.number])
    while letters.count < limit, bytes < Self.listedData, let row = try rows.next() {
      let letter = try deadLetter(row)
      bytes += letter.event.data.count
      letters.append(letter)
    }
    return letters
  }

  func deadLetter(_ id: DeliveryID) throws -> DeadLetter? {
    try Row.fetchOne(
      database, sql: Self.selectLetters + " AND id = ?", arguments: [id.number]
    ).map { try deadLetter($0) }
  }

  private func deadLetter(_ row: Row) throws -> DeadLetter {
    DeadLetter(
      id: DeliveryID(try row.decode(atIndex: 0)), offset: EventOffset(try row.decode(atIndex: 1)),
      module: try ModuleName(row.decode(String.self, atIndex: 2)),
      event: try event(row, from: 5),
      diedAt: WallInstant(microseconds: try row.decode(atIndex: 3)),
      history: try EventTables.decode(row.decode(atIndex: 4)))
  }
}
