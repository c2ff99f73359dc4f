import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import GRDB

/// An event as it goes into its row; made before the transaction, so that that is short.
/// One object, because it goes through many hands.
final class StoredEvent: Sendable {
  let event: Event
  let envelope: String
  let data: Data
  let namespace: Namespace
  let acceptedAt: WallInstant
  let principal: Principal
  let footprint: ByteCount
  let targets: [ModuleName]
  let orderKeys: [ModuleName: OrderKey]
  /// See ``EventIdentities``.
  let identity: Data
  private let content: SHA256Digest

  init(_ accepted: AcceptedEvent) {
    event = accepted.event
    envelope = EnvelopeText.of(accepted.event)
    data = Data(accepted.event.data)
    namespace = accepted.event.namespace
    acceptedAt = accepted.acceptedAt
    principal = accepted.principal
    footprint = accepted.event.footprint
    targets = accepted.targets
    orderKeys = accepted.orderKeys
    identity = EventIdentities.identity(of: accepted.event)
    content = Self.digest(envelope, data)
  }

  /// About how many bytes it takes in the journal.
  var size: Int { envelope.utf8.count + data.count + targets.count * 128 + 256 }

  func put(into writer: inout ByteWriter) {
    writer.put(acceptedAt.microseconds)
    writer.put(principal.kind.rawValue)
    writer.put(principal.name)
    writer.put(footprint.bytes)
    writer.put(namespace.text)
    writer.put(envelope)
    writer.put(data)
    writer.put(identity)
    writer.put(targets.count)
    for target in targets {
      writer.put(target.text)
      writer.put(orderKeys[target] == nil ? 0 : 1)
      if let key = orderKeys[target] { writer.put(key.text) }
    }
  }

  init(from reader: inout ByteReader) throws(DamagedRow) {
    acceptedAt = WallInstant(microseconds: try reader.number())
    guard let kind = Principal.Kind(rawValue: try reader.text()) else { throw DamagedRow() }
    principal = Principal(kind: kind, name: try reader.text())
    footprint = ByteCount(bytes: Int(try reader.number()))
    namespace = try Self.checked(try reader.text()) { try Namespace($0) }
    envelope = try reader.text()
    data = try reader.data()
    let decoded: StoredEnvelope = try Self.checked(envelope) { try EventTables.decode($0) }
    event = decoded.event(data: [UInt8](data))
    identity = try reader.data()
    content = Self.digest(envelope, data)
    var names: [ModuleName] = []
    var keys: [ModuleName: OrderKey] = [:]
    for _ in 0..<(try reader.count()) {
      let name = try Self.checked(try reader.text()) { try ModuleName($0) }
      names.append(name)
      if try reader.number() != 0 { keys[name] = OrderKey(try reader.text()) }
    }
    targets = names
    orderKeys = keys
  }

  private static func checked<Value>(
    _ text: String, _ make: (String) throws -> Value
  ) throws(DamagedRow) -> Value {
    do { return try make(text) } catch { throw DamagedRow() }
  }

  /// Puts what makes its row into the columns, with what shows later that the row is whole.
  func fill(_ row: RowInserter, at offset: EventOffset) {
    row.set(1, offset.number)
    row.set(2, acceptedAt.microseconds)
    row.set(3, principal.kind.rawValue)
    row.set(4, principal.name)
    row.set(5, footprint.bytes)
    row.set(6, envelope)
    row.set(7, data)
    row.set(
      8,
      Self.checksum(
        offset.number, acceptedAt.microseconds, principal.kind.rawValue, principal.name,
        footprint.bytes, content))
  }

  fileprivate static func digest(_ envelope: String, _ data: Data) -> SHA256Digest {
    var hash = SHA256()
    hash.update(data: Data("\(envelope)\u{0}".utf8))
    hash.update(data: data)
    return hash.finalize()
  }

  fileprivate static func checksum(
    _ offset: Int64, _ acceptedAt: Int64, _ kind: String, _ name: String, _ footprint: Int,
    _ content: SHA256Digest
  ) -> Data {
    EventChecksum.of(
      "\(offset)\u{0}\(acceptedAt)\u{0}\(kind)\u{0}\(name)\u{0}\(footprint)\u{0}", Data(content))
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

/// An event's row as it is read back.
struct ReadEvent {
  let offset: EventOffset
  let acceptedAt: WallInstant
  let event: Event

  /// As many as ``columnCount``.
  static let columns = """
    events."offset", accepted_at, principal_kind, principal_name, events.footprint, envelope, data,
    events.checksum
    """
  static let columnCount = 8

  /// - Parameter first: its first column.
  /// - Throws: ``DamagedRow``.
  init(_ row: Row, from first: Int = 0) throws(DamagedRow) {
    do {
      offset = EventOffset(try row.decode(atIndex: first))
      let time: Int64 = try row.decode(atIndex: first + 1)
      acceptedAt = WallInstant(microseconds: time)
      let envelope: String = try row.decode(atIndex: first + 5)
      let data: Data = try row.decode(atIndex: first + 6)
      if let written = try row.decode(Data?.self, atIndex: first + 7) {
        let found = StoredEvent.checksum(
          offset.number, time, try row.decode(atIndex: first + 2),
          try row.decode(atIndex: first + 3), try row.decode(atIndex: first + 4),
          StoredEvent.digest(envelope, data))
        guard written == found else { throw DamagedRow() }
      }
      let stored: StoredEnvelope = try EventTables.decode(envelope)
      event = stored.event(data: [UInt8](data))
    } catch {
      // What does not even decode was not written so.
      throw DamagedRow()
    }
  }
}

/// An event without its data, as it stands in the `envelope` column; written by ``EnvelopeText``.
struct StoredEnvelope: Decodable {
  var id: String
  var source: String
  var type: String
  var topic: Topic
  var namespace: Namespace
  var subject: String?
  var time: WallInstant?
  var dataContentType: String?
  var dataSchema: String?
  var extensions: [Event.Attribute]

  func event(data: [UInt8]) -> Event {
    Event(
      id: id, source: source, type: type, topic: topic, namespace: namespace, subject: subject,
      time: time, dataContentType: dataContentType, dataSchema: dataSchema,
      extensions: extensions, data: data)
  }
}
