import ClusterModel
import Foundation
import GRDB
import HostPorts

/// What is read of the event log. What does not read back as it was written is thrown or left out, and
/// noted; never trapped on: the file may be damaged.
struct EventReader {
  let database: Database
  let report: DamageReport

  /// Bytes of events in one page; there is always one event, however long.
  private static let pageBytes = 8 << 20
  /// Bytes of event data in one list of dead letters. There is always one letter, however long.
  private static let listedData = 64 << 20

  private static let selectLetters = """
    SELECT \(StoredDelivery.columns), \(ReadEvent.columns)
    FROM deliveries JOIN events ON events."offset" = deliveries."offset" WHERE state = 2
    """

  /// A damaged one is left out: nobody knows whom it was for.
  func pendingDeliveries() throws -> [PendingDelivery] {
    var deliveries: [PendingDelivery] = []
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT \(StoredDelivery.columns) FROM deliveries WHERE state = 0 ORDER BY id")
    while let row = try rows.next() {
      if let delivery = try readable(row) { deliveries.append(delivery.pending) }
    }
    return deliveries
  }

  /// The delivery of a row; `nil` when it is damaged, which is noted.
  func readable(_ row: Row) throws -> StoredDelivery? {
    do throws(DamagedRow) { return try StoredDelivery(row) } catch {
      report.note(DeliveryID(try row.decode(atIndex: 0)))
      return nil
    }
  }

  /// - Throws: ``Problem`` `data_corrupt` when it is damaged.
  func event(at offset: EventOffset) throws -> ReadEvent? {
    let select = try database.cachedStatement(
      sql: "SELECT \(ReadEvent.columns) FROM events WHERE events.\"offset\" = ?")
    guard let row = try Row.fetchOne(select, arguments: [offset.number]) else { return nil }
    do throws(DamagedRow) { return try ReadEvent(row) } catch { throw report.note(offset) }
  }

  /// What is known in memory of all this.
  func index(_ window: DeduplicationWindow?) throws -> LogIndex {
    func newest(_ table: String) throws -> Int64 {
      try Int64.fetchOne(
        database, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [table]) ?? 0
    }
    let pending = try Int64.fetchSet(database, sql: "SELECT id FROM deliveries WHERE state = 0")
    return LogIndex(
      nextOffset: try newest("events") + 1, nextDelivery: try newest("deliveries") + 1,
      pending: Set(pending.map { DeliveryID($0) }),
      identities: try window.map { try EventIdentities.load(database, $0) })
  }

  func newestOffset() throws -> EventOffset {
    EventOffset(
      try Int64.fetchOne(
        database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'events'") ?? 0)
  }

  func firstOffset(since time: WallInstant) throws -> EventOffset? {
    try Int64.fetchOne(
      database, sql: #"SELECT MIN("offset") FROM events WHERE accepted_at >= ?"#,
      arguments: [time.microseconds]
    ).map { EventOffset($0) }
  }

  func events(from offset: EventOffset, limit: Int) throws -> EventPage {
    var page = EventPage(events: [], next: offset)
    var bytes = 0
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(ReadEvent.columns) FROM events WHERE events."offset" >= ?
        ORDER BY events."offset" LIMIT ?
        """, arguments: [offset.number, max(limit, 0)])
    while bytes < Self.pageBytes, let row = try rows.next() {
      let found = EventOffset(try row.decode(atIndex: 0))
      page.next = EventOffset(found.number + 1)
      do throws(DamagedRow) {
        let read = try ReadEvent(row)
        page.events.append(
          LoggedEvent(offset: read.offset, acceptedAt: read.acceptedAt, event: read.event))
        bytes += read.event.footprint.bytes
      } catch {
        _ = report.note(found)
      }
    }
    return page
  }

  /// - Throws: ``Problem`` `data_corrupt` when some of it is damaged.
  func status(of offset: EventOffset) throws -> EventStatus? {
    guard let read = try event(at: offset) else { return nil }
    let selectDeliveries = try database.cachedStatement(
      sql: """
        SELECT \(StoredDelivery.columns) FROM deliveries WHERE "offset" = ? ORDER BY id
        """)
    let rows = try Row.fetchAll(selectDeliveries, arguments: [offset.number])
    let deliveries = try rows.map { row in
      guard let delivery = try readable(row) else {
        throw report.note(DeliveryID(try row.decode(atIndex: 0)))
      }
      return try status(delivery)
    }
    return EventStatus(
      offset: offset, event: read.event, acceptedAt: read.acceptedAt, deliveries: deliveries)
  }

  private func status(_ delivery: StoredDelivery) throws -> EventStatus.Delivery {
    let output = [UInt8](delivery.output ?? Data())
    return EventStatus.Delivery(
      id: delivery.id, module: delivery.module, state: delivery.state.status,
      attempts: delivery.attempts, output: output,
      outputTruncated: output.count < delivery.outputLength,
      failure: try delivery.attemptsFailed.last?.failure)
  }

  /// Letters that are damaged themselves are left out.
  func deadLetters(from id: DeliveryID, limit: Int) throws -> [DeadLetter] {
    var letters: [DeadLetter] = []
    var bytes = 0
    let rows = try Row.fetchCursor(
      database, sql: Self.selectLetters + " AND id >= ? ORDER BY id", arguments: [id.number])
    while letters.count < limit, bytes < Self.listedData, let row = try rows.next() {
      guard let delivery = try readable(row) else { continue }
      let letter = try deadLetter(delivery, row)
      bytes += letter.event?.data.count ?? 0
      letters.append(letter)
    }
    return letters
  }

  /// - Throws: ``Problem`` `data_corrupt` when it is damaged itself; without its event it is told.
  func deadLetter(_ id: DeliveryID) throws -> DeadLetter? {
    let row = try Row.fetchOne(
      database, sql: Self.selectLetters + " AND id = ?", arguments: [id.number])
    guard let row else { return nil }
    guard let delivery = try readable(row) else { throw report.note(id) }
    return try deadLetter(delivery, row)
  }

  private func deadLetter(_ delivery: StoredDelivery, _ row: Row) throws -> DeadLetter {
    var event: Event?
    do throws(DamagedRow) {
      event = try ReadEvent(row, from: StoredDelivery.columnCount).event
    } catch {
      _ = report.note(delivery.offset)
    }
    return DeadLetter(
      id: delivery.id, offset: delivery.offset, module: delivery.module, event: event,
      diedAt: delivery.diedAt ?? WallInstant(microseconds: 0),
      history: try delivery.attemptsFailed)
  }
}
