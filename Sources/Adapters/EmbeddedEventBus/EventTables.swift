import ClusterModel
import Foundation
import GRDB

/// The tables of the event log, and how values stand in them.
enum EventTables {
  /// What a delivery's `state` column holds.
  enum State: Int {
    case pending = 0
    case succeeded = 1
    case dead = 2
    case dropped = 3

    init(_ number: Int) throws {
      guard let state = State(rawValue: number) else {
        throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "unknown state \(number)")
      }
      self = state
    }

    var status: EventStatus.State {
      switch self {
      case .pending: .pending
      case .succeeded: .succeeded
      case .dead: .dead
      case .dropped: .dropped
      }
    }
  }

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 event log") { database in
      // "open" counts the deliveries that keep an event: pending ones and dead letters.
      try database.execute(
        sql: """
          CREATE TABLE events (
            "offset" INTEGER PRIMARY KEY AUTOINCREMENT, envelope TEXT NOT NULL,
            data BLOB NOT NULL, accepted_at INTEGER NOT NULL, principal TEXT NOT NULL,
            footprint INTEGER NOT NULL, open INTEGER NOT NULL) STRICT;
          CREATE INDEX settled_events ON events ("offset", footprint) WHERE open = 0;
          CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY AUTOINCREMENT, "offset" INTEGER NOT NULL,
            namespace TEXT NOT NULL, module TEXT NOT NULL, state INTEGER NOT NULL,
            attempts INTEGER NOT NULL, output BLOB, output_length INTEGER NOT NULL,
            history TEXT NOT NULL, settled_at INTEGER) STRICT;
          CREATE INDEX deliveries_of_event ON deliveries ("offset");
          CREATE INDEX pending_deliveries ON deliveries (id) WHERE state = 0;
          CREATE INDEX dead_deliveries ON deliveries (id) WHERE state = 2;
          """)
    }
    return migrator
  }

  static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func decode<Value: Decodable>(_ text: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  static func bytes(_ row: Row, _ column: String) -> [UInt8] {
    (row[column] as Data?).map { [UInt8]($0) } ?? []
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
