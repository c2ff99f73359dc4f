import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import GRDB

/// An event as it goes into its row; made before the transaction, so that that is short.
struct StoredEvent: Sendable {
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

  init(_ accepted: AcceptedEvent) throws {
    envelope = try EventTables.encode(StoredEnvelope(accepted.event))
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

  static func of(_ accepted: AcceptedEvent, file: String) throws(Problem) -> StoredEvent {
    do { return try StoredEvent(accepted) } catch {
      throw StorageProblem.from(error, file: file)
    }
  }

  /// What makes its row, with what shows later that the row is whole.
  func arguments(at offset: EventOffset) -> StatementArguments {
    [
      offset.number, acceptedAt.microseconds, principal.kind.rawValue, principal.name,
      footprint.bytes, envelope, data,
      Self.checksum(
        offset.number, acceptedAt.microseconds, principal.kind.rawValue, principal.name,
        footprint.bytes, content),
    ]
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

  init(_ effects: CommittedEffects, file: String) throws(Problem) {
    namespace = effects.namespace
    events = try effects.events.map { event throws(Problem) in
      try StoredEvent.of(event, file: file)
    }
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

/// An event without its data, as it stands in the `envelope` column.
struct StoredEnvelope: Codable {
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

  init(_ event: Event) {
    id = event.id
    source = event.source
    type = event.type
    topic = event.topic
    namespace = event.namespace
    subject = event.subject
    time = event.time
    dataContentType = event.dataContentType
    dataSchema = event.dataSchema
    extensions = event.extensions
  }

  func event(data: [UInt8]) -> Event {
    Event(
      id: id, source: source, type: type, topic: topic, namespace: namespace, subject: subject,
      time: time, dataContentType: dataContentType, dataSchema: dataSchema,
      extensions: extensions, data: data)
  }
}
