import ClusterModel
import DurableSQLite
import Foundation
import GRDB

/// The tables of the event log, and how values stand in them.
enum EventTables {
  /// What a delivery's `state` column holds; written as numbers in the statements.
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

  /// Offsets and ids are never used again (AUTOINCREMENT). A row of `events` is never changed, so
  /// that its data is written once; `settled` holds the events that nothing keeps any more, with the
  /// bytes that they and their results take. Long columns stand last, where nobody reads past them.
  /// The application id spells "WMev".
  static let format = DatabaseFormat(
    applicationID: 0x574d_6576,
    migrations: [
      { database in
        try database.execute(
          sql: """
            CREATE TABLE events (
              "offset" INTEGER PRIMARY KEY AUTOINCREMENT, accepted_at INTEGER NOT NULL,
              principal_kind TEXT NOT NULL, principal_name TEXT NOT NULL,
              footprint INTEGER NOT NULL, envelope TEXT NOT NULL, data BLOB NOT NULL) STRICT;
            CREATE TABLE deliveries (
              id INTEGER PRIMARY KEY AUTOINCREMENT, "offset" INTEGER NOT NULL,
              state INTEGER NOT NULL, attempts INTEGER NOT NULL, footprint INTEGER NOT NULL,
              namespace TEXT NOT NULL, module TEXT NOT NULL, died_at INTEGER,
              output_length INTEGER NOT NULL, history TEXT NOT NULL, output BLOB) STRICT;
            CREATE INDEX deliveries_of_event ON deliveries ("offset");
            CREATE INDEX pending_deliveries ON deliveries (id) WHERE state = 0;
            CREATE INDEX dead_deliveries ON deliveries (id) WHERE state = 2;
            CREATE TABLE settled (
              "offset" INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
            """)
      }, StateTables.migration,
    ])

  static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func decode<Value: Decodable>(_ text: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }
}

/// An event as it goes into its row; made before the transaction, so that that is short.
struct StoredEvent: Sendable {
  let envelope: String
  let data: Data
  let namespace: Namespace
  let acceptedAt: WallInstant
  let principal: Principal
  let footprint: ByteCount
  let targets: [ModuleName]

  init(_ accepted: AcceptedEvent) throws {
    envelope = try EventTables.encode(StoredEnvelope(accepted.event))
    data = Data(accepted.event.data)
    namespace = accepted.event.namespace
    acceptedAt = accepted.acceptedAt
    principal = accepted.principal
    footprint = accepted.event.footprint
    targets = accepted.targets
  }

  static func of(_ accepted: AcceptedEvent, file: String) throws(Problem) -> StoredEvent {
    do { return try StoredEvent(accepted) } catch {
      throw StorageProblem.from(error, file: file)
    }
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
