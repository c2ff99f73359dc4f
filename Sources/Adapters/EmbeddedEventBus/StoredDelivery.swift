import ClusterModel
import Foundation
import GRDB

/// A delivery's row.
struct StoredDelivery {
  let id: DeliveryID
  let offset: EventOffset
  var state = EventTables.State.pending
  var attempts = 0
  let footprint: ByteCount
  let namespace: Namespace
  let module: ModuleName
  var diedAt: WallInstant?
  /// Of the whole result, of which `output` may be the beginning.
  var outputLength = 0
  var history = "[]"
  var output: Data?
  let orderKey: OrderKey?

  /// Deliveries that an earlier release wrote are in no order.
  static let orderMigration: @Sendable (Database) throws -> Void = { database in
    try database.execute(sql: "ALTER TABLE deliveries ADD COLUMN order_key TEXT")
  }

  init(
    _ id: DeliveryID, of offset: EventOffset, _ footprint: ByteCount, to module: QualifiedName,
    orderKey: OrderKey?
  ) {
    self.id = id
    self.offset = offset
    self.footprint = footprint
    namespace = module.namespace
    self.module = module.name
    self.orderKey = orderKey
  }

  /// As many as ``columnCount``.
  static let columns = """
    id, deliveries."offset", state, attempts, deliveries.footprint, namespace, module, died_at,
    output_length, history, output, deliveries.checksum, order_key
    """
  static let columnCount = 13

  /// - Throws: ``DamagedRow``.
  init(_ row: Row) throws(DamagedRow) {
    do {
      id = DeliveryID(try row.decode(atIndex: 0))
      offset = EventOffset(try row.decode(atIndex: 1))
      state = try EventTables.State(row.decode(atIndex: 2))
      attempts = try row.decode(atIndex: 3)
      footprint = ByteCount(bytes: try row.decode(atIndex: 4))
      namespace = try Namespace(row.decode(String.self, atIndex: 5))
      module = try ModuleName(row.decode(String.self, atIndex: 6))
      diedAt = try row.decode(Int64?.self, atIndex: 7).map { WallInstant(microseconds: $0) }
      outputLength = try row.decode(atIndex: 8)
      history = try row.decode(atIndex: 9)
      output = try row.decode(Data?.self, atIndex: 10)
      orderKey = try row.decode(String?.self, atIndex: 12).map { OrderKey($0) }
      let written: Data? = try row.decode(atIndex: 11)
      if let written, written != checksum { throw DamagedRow() }
    } catch {
      // What does not even decode was not written so.
      throw DamagedRow()
    }
  }

  private var checksum: Data {
    var fields: [String] = [
      "\(id)", "\(offset)", "\(state.rawValue)", "\(attempts)", "\(footprint.bytes)",
      namespace.text, module.text, "\(diedAt?.microseconds ?? 0)", "\(outputLength)", history, "",
    ]
    // Those without are summed as they were before there were keys.
    if let orderKey { fields.append(orderKey.text) }
    return EventChecksum.of(fields.joined(separator: "\u{0}"), output ?? Data())
  }

  /// The attempts that failed, oldest first.
  var attemptsFailed: [FailedAttempt] {
    get throws { try EventTables.decode(history) }
  }

  var pending: PendingDelivery {
    PendingDelivery(
      id: id, offset: offset, namespace: namespace, module: module, failedAttempts: attempts,
      footprint: footprint, orderKey: orderKey)
  }

  func insert(into database: Database) throws {
    let insert = try database.cachedStatement(
      sql: """
        INSERT INTO deliveries
          (id, "offset", state, attempts, footprint, namespace, module, output_length, history,
            checksum, order_key)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try insert.execute(arguments: [
      id.number, offset.number, state.rawValue, attempts, footprint.bytes, namespace.text,
      module.text, outputLength, history, checksum, orderKey?.text,
    ])
  }

  func update(in database: Database) throws {
    let update = try database.cachedStatement(
      sql: """
        UPDATE deliveries SET state = ?, attempts = ?, died_at = ?, output_length = ?, history = ?,
          output = ?, checksum = ? WHERE id = ?
        """)
    try update.execute(arguments: [
      state.rawValue, attempts, diedAt?.microseconds, outputLength, history, output, checksum,
      id.number,
    ])
  }
}
