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
      try EventChecksum.check(row.decode(atIndex: 11), sum, digest: digest)
    } catch {
      // What does not even decode was not written so.
      throw DamagedRow()
    }
  }

  private var sum: DamageSum {
    var sum = DamageSum()
    sum.add(id.number)
    sum.add(offset.number)
    sum.add(Int64(state.rawValue))
    sum.add(Int64(attempts))
    sum.add(Int64(footprint.bytes))
    sum.add(namespace.text)
    sum.add(module.text)
    sum.add(diedAt?.microseconds ?? 0)
    sum.add(Int64(outputLength))
    sum.add(history)
    (output ?? Data()).withUnsafeBytes { sum.add($0) }
    if let orderKey { sum.add(orderKey.text) }
    return sum
  }

  /// As earlier releases wrote it.
  private var digest: Data {
    var fields: [String] = [
      "\(id)", "\(offset)", "\(state.rawValue)", "\(attempts)", "\(footprint.bytes)",
      namespace.text, module.text, "\(diedAt?.microseconds ?? 0)", "\(outputLength)", history, "",
    ]
    // Those without are summed as they were before there were keys.
    if let orderKey { fields.append(orderKey.text) }
    return EventChecksum.digest(fields.joined(separator: "\u{0}"), output ?? Data())
  }

  /// Takes in what became of it.
  ///
  /// - Returns: `false` when that changes nothing: it is not pending any more, or a failed attempt was recorded
  ///   before.
  mutating func apply(_ change: StoredChange) throws -> Bool {
    guard state == .pending else { return false }
    switch change.outcome {
    case .succeeded(let length, let kept):
      state = .succeeded
      outputLength = length
      output = Data(kept)
    case .failed(let failure):
      guard change.attempt > attempts else { return false }
      history = try history(adding: failure, change)
    case .dead(let failure):
      state = .dead
      diedAt = change.at
      history = try history(adding: failure, change)
    }
    attempts = change.attempt
    return true
  }

  private func history(
    adding failure: ActivationFailure, _ change: StoredChange
  ) throws -> String {
    var history = try attemptsFailed
    history.append(FailedAttempt(attempt: change.attempt, at: change.at, failure: failure))
    return try EventTables.encode(Array(history.suffix(Self.keptAttempts)))
  }

  /// Failed attempts that are remembered of a delivery, the newest ones.
  private static let keptAttempts = 20

  /// The attempts that failed, oldest first.
  var attemptsFailed: [FailedAttempt] {
    get throws { try EventTables.decode(history) }
  }

  var pending: PendingDelivery {
    PendingDelivery(
      id: id, offset: offset, namespace: namespace, module: module, failedAttempts: attempts,
      footprint: footprint, orderKey: orderKey)
  }

  /// The columns that ``fill(_:)`` puts something into, in its order.
  static let insertedColumns = [
    "id", #""offset""#, "state", "attempts", "footprint", "namespace", "module", "died_at",
    "output_length", "history", "output", "checksum", "order_key",
  ]

  func fill(_ row: InsertedRow) {
    row.set(1, id.number)
    row.set(2, offset.number)
    row.set(3, Int64(state.rawValue))
    row.set(4, Int64(attempts))
    row.set(5, Int64(footprint.bytes))
    row.set(6, namespace.text)
    row.set(7, module.text)
    row.set(8, diedAt?.microseconds)
    row.set(9, Int64(outputLength))
    row.set(10, history)
    row.set(11, output)
    row.set(12, EventChecksum.column(sum))
    row.set(13, orderKey?.text)
  }

  func update(in database: Database) throws {
    let update = try database.cachedStatement(
      sql: """
        UPDATE deliveries SET state = ?, attempts = ?, died_at = ?, output_length = ?, history = ?,
          output = ?, checksum = ? WHERE id = ?
        """)
    try update.execute(arguments: [
      state.rawValue, attempts, diedAt?.microseconds, outputLength, history, output,
      EventChecksum.column(sum), id.number,
    ])
  }
}
