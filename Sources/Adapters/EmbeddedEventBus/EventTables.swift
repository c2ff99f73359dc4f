import ClusterModel
import DurableSQLite
import Foundation
import GRDB

/// The tables of the event log, and how values stand in them.
enum EventTables {
  /// What a delivery's `state` column holds; mostly written as numbers in the statements.
  enum State: Int {
    case pending = 0
    case succeeded = 1
    case dead = 2
    case dropped = 3
    /// Nothing of it can be believed, this number included: whoever reads it hears that.
    case damaged = 4

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
      case .dropped, .damaged: .dropped
      }
    }
  }

  /// Offsets and ids are never used again (`sqlite_sequence`). A row of `events` is never changed, so
  /// that its data is written once; `settled` holds the events that nothing keeps any more, with the
  /// bytes that they and their results take. Long columns stand last, where nobody reads past them.
  /// The application id spells "WMev".
  static let format = DatabaseFormat(applicationID: applicationID, migrations: migrations)
  static let applicationID: Int32 = 0x574d_6576
  static let migrations: [DatabaseFormat.Migration] = [
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
    }, StateTables.migration, EventIdentities.migration, EventChecksum.migration,
    StoredDelivery.orderMigration, EventIdentities.withoutIndex,
    { database in
      // Which frame of the journal was the last that was put into the tables, and whose journal it is.
      try database.execute(
        sql: """
          CREATE TABLE journal (log INTEGER NOT NULL, applied INTEGER NOT NULL) STRICT;
          INSERT INTO journal VALUES (random(), 0);
          """)
    }, EventIdentities.packed,
    { database in
      // Changed where nothing else is and a transaction has to be synced.
      try database.execute(sql: "ALTER TABLE journal ADD COLUMN syncs INTEGER NOT NULL DEFAULT 0")
    },
  ]

  static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func decode<Value: Decodable>(_ text: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }
}
