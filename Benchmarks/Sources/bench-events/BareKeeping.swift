import GRDBSQLite

/// What the least takes that keeps the same bytes: frames that are written and synced one after the other, and the
/// rows that they become, inserted by one thread that does nothing else. Nobody waits for any of it.
final class BareKeeping {
  private let database: OpaquePointer
  private let journal: SyncedWrites
  private var statements: [OpaquePointer] = []
  private let envelope = [UInt8](repeating: 0x65, count: envelopeSize)
  private let identities = [UInt8](repeating: 7, count: 96 * 40)

  /// What an event of the benchmark takes in the columns of its row, and in a frame.
  private static let envelopeSize = 190
  private static let frameSize = 620
  /// Events in a frame and in a transaction.
  private static let together = 512

  init(in workspace: Workspace) throws {
    var opened: OpaquePointer?
    guard sqlite3_open(workspace.path + "/bare.sqlite", &opened) == SQLITE_OK, let opened else {
      throw MeasuringFailed("SQLite opens no file in \(workspace.path)")
    }
    database = opened
    journal = try SyncedWrites(in: workspace)
    try run(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON;
      PRAGMA wal_autocheckpoint = 2000; PRAGMA cache_size = -8192;
      CREATE TABLE events (
        "offset" INTEGER PRIMARY KEY AUTOINCREMENT, accepted_at INTEGER NOT NULL,
        principal_kind TEXT NOT NULL, principal_name TEXT NOT NULL, footprint INTEGER NOT NULL,
        envelope TEXT NOT NULL, data BLOB NOT NULL, checksum BLOB) STRICT;
      CREATE TABLE settled ("offset" INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
      CREATE TABLE publishes (
        first INTEGER PRIMARY KEY, last INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
        content BLOB NOT NULL) STRICT;
      """)
    statements = [
      try prepared("events", columns: 8, rows: 16), try prepared("settled", columns: 2, rows: 16),
      try prepared("publishes", columns: 4, rows: 1),
    ]
  }

  deinit {
    for statement in statements { sqlite3_finalize(statement) }
    sqlite3_close(database)
  }

  private func run(_ sql: String) throws {
    guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else {
      throw MeasuringFailed(String(cString: sqlite3_errmsg(database)))
    }
  }

  private func prepared(_ table: String, columns: Int, rows: Int) throws -> OpaquePointer {
    let row = "(" + Array(repeating: "?", count: columns).joined(separator: ",") + ")"
    let values = Array(repeating: row, count: rows).joined(separator: ",")
    var statement: OpaquePointer?
    guard
      sqlite3_prepare_v2(database, "INSERT INTO \(table) VALUES \(values)", -1, &statement, nil)
        == SQLITE_OK, let statement
    else { throw MeasuringFailed(String(cString: sqlite3_errmsg(database))) }
    return statement
  }

  /// Keeps so many events more than there are.
  func keep(from present: Int, _ count: Int) throws {
    for first in stride(from: present + 1, to: present + count + 1, by: Self.together) {
      try journal.keep(Self.together * Self.frameSize)
      try run("BEGIN IMMEDIATE")
      for row in stride(from: first, to: first + Self.together, by: 16) { try insert(from: row) }
      for row in stride(from: first, to: first + Self.together, by: 96) {
        sqlite3_bind_int64(statements[2], 1, Int64(row))
        sqlite3_bind_int64(statements[2], 2, Int64(row + 95))
        sqlite3_bind_int64(statements[2], 3, 1)
        bind(statements[2], 4, identities)
        try step(statements[2])
      }
      try run("COMMIT")
    }
  }

  private func insert(from first: Int) throws {
    for index in 0..<16 {
      let (events, settled) = (Int32(index * 8), Int32(index * 2))
      sqlite3_bind_int64(statements[0], events + 1, Int64(first + index))
      sqlite3_bind_int64(statements[0], events + 2, 1_700_000_000_000_000)
      sqlite3_bind_text(statements[0], events + 3, "person", 6, Self.copied)
      sqlite3_bind_text(statements[0], events + 4, "local", 5, Self.copied)
      sqlite3_bind_int64(statements[0], events + 5, 320)
      envelope.withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
          _ = sqlite3_bind_text(
            statements[0], events + 6, $0.baseAddress, Int32($0.count), Self.copied)
        }
      }
      bind(statements[0], events + 7, Sample.data)
      bind(statements[0], events + 8, Self.checksum)
      sqlite3_bind_int64(statements[1], settled + 1, Int64(first + index))
      sqlite3_bind_int64(statements[1], settled + 2, 320)
    }
    try step(statements[0])
    try step(statements[1])
  }

  private func bind(_ statement: OpaquePointer, _ column: Int32, _ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes {
      sqlite3_bind_blob(statement, column, $0.baseAddress, Int32($0.count), Self.copied)
    }
  }

  private func step(_ statement: OpaquePointer) throws {
    guard sqlite3_step(statement) == SQLITE_DONE else {
      throw MeasuringFailed(String(cString: sqlite3_errmsg(database)))
    }
    sqlite3_reset(statement)
  }

  private static let checksum = [UInt8](repeating: 1, count: 9)
  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}
