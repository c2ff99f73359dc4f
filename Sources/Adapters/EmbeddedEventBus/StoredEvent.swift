import ClusterModel
import DurableSQLite
import Foundation

/// An event as it goes into the journal and into its row; made before its turn, by whoever publishes it, so that
/// the thread on which all wait only puts bytes behind each other. One object, because it goes through many hands.
final class StoredEvent: Sendable {
  let event: Event
  let acceptedAt: WallInstant
  let footprint: ByteCount
  let targets: [ModuleName]
  let orderKeys: [ModuleName: OrderKey]
  let identity: PublishIdentity
  /// As it stands in a frame of the journal. Where it is as long as the event lives: SQLite reads it there.
  nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
  private let fields: Fields
  /// Of all that is in its row, but its offset.
  private let sum: DamageSum

  /// Where in the bytes stands what goes into columns of its row.
  private struct Fields {
    var kind = 0..<0
    var name = 0..<0
    var envelope = 0..<0
    var data = 0..<0
  }

  init(_ accepted: AcceptedEvent) {
    event = accepted.event
    acceptedAt = accepted.acceptedAt
    footprint = accepted.event.footprint
    targets = accepted.targets
    orderKeys = accepted.orderKeys
    identity = PublishIdentity(of: accepted.event)
    var writer = ByteWriter()
    writer.reserve(footprint.bytes + targets.count * 128 + 384)
    fields = Self.put(accepted, footprint, identity, into: &writer)
    bytes = Self.kept(writer.bytes)
    sum = Self.sum(bytes, fields, acceptedAt, footprint)
  }

  deinit { bytes.deallocate() }

  /// A copy, for the event to give back.
  private static func kept(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let kept = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    kept.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(kept)
  }

  var namespace: Namespace { event.namespace }

  /// About how many bytes it takes in the journal.
  var size: Int { bytes.count + 64 }

  private static func put(
    _ accepted: AcceptedEvent, _ footprint: ByteCount, _ identity: PublishIdentity,
    into writer: inout ByteWriter
  ) -> Fields {
    var fields = Fields()
    writer.put(accepted.acceptedAt.microseconds)
    fields.kind = writer.putField {
      $0.append(contentsOf: accepted.principal.kind.rawValue.utf8)
    }
    fields.name = writer.putField { $0.append(contentsOf: accepted.principal.name.utf8) }
    writer.put(footprint.bytes)
    writer.put(accepted.event.namespace.text)
    fields.envelope = writer.putField { EnvelopeText.put(accepted.event, into: &$0) }
    fields.data = writer.put(accepted.event.data)
    writer.put(PublishIdentity.size)
    writer.put(identity.first)
    writer.put(identity.second)
    writer.put(accepted.targets.count)
    for target in accepted.targets {
      writer.put(target.text)
      writer.put(accepted.orderKeys[target] == nil ? 0 : 1)
      if let key = accepted.orderKeys[target] { writer.put(key.text) }
    }
    return fields
  }

  init(from reader: inout ByteReader) throws(DamagedRow) {
    let start = reader.position
    var fields = Fields()
    acceptedAt = WallInstant(microseconds: try reader.number())
    guard Principal.Kind(rawValue: try reader.text()) != nil else { throw DamagedRow() }
    fields.kind = 16..<reader.position - start
    fields.name = try Self.field(&reader, start) { (reader) throws(DamagedRow) in
      _ = try reader.text()
    }
    footprint = ByteCount(bytes: Int(try reader.number()))
    _ = try Self.checked(try reader.text()) { try Namespace($0) }
    var envelope = ""
    fields.envelope = try Self.field(&reader, start) { (reader) throws(DamagedRow) in
      envelope = try reader.text()
    }
    var data: [UInt8] = []
    fields.data = try Self.field(&reader, start) { (reader) throws(DamagedRow) in
      data = try reader.data()
    }
    let decoded: StoredEnvelope = try Self.checked(envelope) { try EventTables.decode($0) }
    event = decoded.event(data: data)
    identity = try PublishIdentity(try reader.data())
    var names: [ModuleName] = []
    var keys: [ModuleName: OrderKey] = [:]
    for _ in 0..<(try reader.count()) {
      let name = try Self.checked(try reader.text()) { try ModuleName($0) }
      names.append(name)
      if try reader.number() != 0 { keys[name] = OrderKey(try reader.text()) }
    }
    targets = names
    orderKeys = keys
    bytes = Self.kept(reader.taken(since: start))
    self.fields = fields
    sum = Self.sum(bytes, fields, acceptedAt, footprint)
  }

  /// Where a field that has a length stands.
  private static func field(
    _ reader: inout ByteReader, _ start: Int,
    _ read: (inout ByteReader) throws(DamagedRow) -> Void
  ) throws(DamagedRow) -> Range<Int> {
    let first = reader.position + 8 - start
    try read(&reader)
    return first..<reader.position - start
  }

  private static func checked<Value>(
    _ text: String, _ make: (String) throws -> Value
  ) throws(DamagedRow) -> Value {
    do { return try make(text) } catch { throw DamagedRow() }
  }

  private static func sum(
    _ bytes: UnsafeRawBufferPointer, _ fields: Fields, _ acceptedAt: WallInstant,
    _ footprint: ByteCount
  ) -> DamageSum {
    var sum = DamageSum()
    sum.add(acceptedAt.microseconds)
    sum.add(Int64(footprint.bytes))
    sum.add(UnsafeRawBufferPointer(rebasing: bytes[fields.kind]))
    sum.add(UnsafeRawBufferPointer(rebasing: bytes[fields.name]))
    sum.add(UnsafeRawBufferPointer(rebasing: bytes[fields.envelope]))
    sum.add(UnsafeRawBufferPointer(rebasing: bytes[fields.data]))
    return sum
  }

  /// The columns that ``fill(_:at:)`` puts something into, in its order.
  static let insertedColumns = [
    #""offset""#, "accepted_at", "principal_kind", "principal_name", "footprint", "envelope",
    "data", "checksum",
  ]

  /// Puts what makes its row into the columns, with what shows later that the row is whole.
  func fill(_ row: InsertedRow, at offset: EventOffset) {
    var sum = sum
    sum.add(offset.number)
    row.set(1, offset.number)
    row.set(2, acceptedAt.microseconds)
    row.borrow(3, text: UnsafeRawBufferPointer(rebasing: bytes[fields.kind]))
    row.borrow(4, text: UnsafeRawBufferPointer(rebasing: bytes[fields.name]))
    row.set(5, Int64(footprint.bytes))
    row.borrow(6, text: UnsafeRawBufferPointer(rebasing: bytes[fields.envelope]))
    row.borrow(7, blob: UnsafeRawBufferPointer(rebasing: bytes[fields.data]))
    row.set(8, EventChecksum.column(sum))
  }

  /// As ``fill(_:at:)`` puts it there.
  static func sum(
    _ offset: Int64, _ acceptedAt: Int64, _ kind: String, _ name: String, _ footprint: Int,
    _ envelope: String, _ data: Data
  ) -> DamageSum {
    var sum = DamageSum()
    sum.add(acceptedAt)
    sum.add(Int64(footprint))
    sum.add(kind)
    sum.add(name)
    sum.add(envelope)
    data.withUnsafeBytes { sum.add($0) }
    sum.add(offset)
    return sum
  }
}

/// Effects as they go into the tables.
struct StoredEffects: Sendable {
  let namespace: Namespace
  let events: [StoredEvent]
  let writes: [StateWrite]

  init(_ effects: CommittedEffects) {
    namespace = effects.namespace
    events = effects.events.map { StoredEvent($0) }
    writes = effects.writes
  }
}
