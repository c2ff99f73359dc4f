import ClusterModel
import Crypto
import Foundation
import GRDB

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
      let kind: String = try row.decode(atIndex: first + 2)
      let name: String = try row.decode(atIndex: first + 3)
      let footprint: Int = try row.decode(atIndex: first + 4)
      let envelope: String = try row.decode(atIndex: first + 5)
      let data: Data = try row.decode(atIndex: first + 6)
      try EventChecksum.check(
        row.decode(Data?.self, atIndex: first + 7),
        StoredEvent.sum(offset.number, time, kind, name, footprint, envelope, data),
        digest: Self.digest(offset.number, time, kind, name, footprint, envelope, data))
      let stored: StoredEnvelope = try EventTables.decode(envelope)
      event = stored.event(data: [UInt8](data))
    } catch {
      // What does not even decode was not written so.
      throw DamagedRow()
    }
  }

  /// As earlier releases wrote it.
  private static func digest(
    _ offset: Int64, _ acceptedAt: Int64, _ kind: String, _ name: String, _ footprint: Int,
    _ envelope: String, _ data: Data
  ) -> Data {
    var hash = SHA256()
    hash.update(data: Data("\(envelope)\u{0}".utf8))
    hash.update(data: data)
    return EventChecksum.digest(
      "\(offset)\u{0}\(acceptedAt)\u{0}\(kind)\u{0}\(name)\u{0}\(footprint)\u{0}",
      Data(hash.finalize()))
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
