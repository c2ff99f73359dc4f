import ClusterModel
import Crypto
import Foundation
import GRDB

/// The tables of state. They lie in the file of the event log, so that what an activation writes can be
/// committed in the transaction that acknowledges its event.
enum StateTables {
  /// An entry without a value is the memory of a deletion. `forgotten` is the newest revision of a
  /// deletion that is no longer remembered. Long columns stand last.
  static let migration: @Sendable (Database) throws -> Void = { database in
    try database.execute(
      sql: """
        CREATE TABLE buckets (
          id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, name TEXT NOT NULL,
          entries INTEGER NOT NULL, size INTEGER NOT NULL, forgotten INTEGER NOT NULL,
          rules TEXT NOT NULL, UNIQUE (namespace, name)) STRICT;
        CREATE TABLE entries (
          id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, key TEXT NOT NULL,
          revision INTEGER NOT NULL, modified_at INTEGER NOT NULL, expires_at INTEGER,
          checksum BLOB NOT NULL, value BLOB, UNIQUE (bucket, key)) STRICT;
        CREATE INDEX entries_by_revision ON entries (bucket, revision);
        CREATE INDEX expiring_entries ON entries (expires_at) WHERE expires_at IS NOT NULL;
        CREATE TABLE revisions (newest INTEGER NOT NULL) STRICT;
        INSERT INTO revisions VALUES (0);
        """)
  }

  /// What shows that an entry is not as it was written: 8 bytes of the SHA-256 of all of it.
  static func checksum(
    bucket: Int64, _ key: String, _ revision: Int64, _ value: Data?
  ) -> Data {
    var hash = SHA256()
    hash.update(data: Data("\(bucket)\u{0}\(key)\u{0}\(revision)\u{0}".utf8))
    if let value { hash.update(data: value) }
    return Data(hash.finalize().prefix(8))
  }
}

/// A bucket's row.
struct StoredBucket {
  let id: Int64
  let bucket: Bucket
  var entries: Int
  var size: Int
  var forgotten: Int64

  static let columns = "id, entries, size, forgotten, rules"

  init(_ row: Row) throws {
    id = try row.decode(atIndex: 0)
    entries = try row.decode(atIndex: 1)
    size = try row.decode(atIndex: 2)
    forgotten = try row.decode(atIndex: 3)
    bucket = try EventTables.decode(row.decode(atIndex: 4))
  }

  static func fetch(
    _ database: Database, _ name: BucketName, _ namespace: Namespace
  ) throws -> StoredBucket? {
    let select = try database.cachedStatement(
      sql: "SELECT \(columns) FROM buckets WHERE namespace = ? AND name = ?")
    return try Row.fetchOne(select, arguments: [namespace.text, name.text])
      .map { try StoredBucket($0) }
  }

  static func require(
    _ database: Database, _ name: BucketName, _ namespace: Namespace
  ) throws -> StoredBucket {
    guard let bucket = try fetch(database, name, namespace) else {
      throw Problem(
        .notFound, code: "bucket_unknown", "there is no bucket \(name)",
        next: "See which there are with `wasmatrix state buckets`, or make one with `state create`."
      )
    }
    return bucket
  }
}

/// An entry's row, or that of a deletion.
struct StoredEntry {
  let id: Int64
  let key: StateKey
  let revision: Int64
  let modifiedAt: WallInstant
  let expiresAt: WallInstant?
  /// `nil` for a deletion.
  let value: Data?

  static let columns = "id, key, revision, modified_at, expires_at, checksum, value"

  /// - Throws: `data_corrupt`, when it is not as it was written.
  init(_ row: Row, in bucket: Int64, file: String) throws {
    id = try row.decode(atIndex: 0)
    let text: String = try row.decode(atIndex: 1)
    key = try StateKey(text)
    revision = try row.decode(atIndex: 2)
    modifiedAt = WallInstant(microseconds: try row.decode(atIndex: 3))
    expiresAt = try row.decode(Int64?.self, atIndex: 4).map { WallInstant(microseconds: $0) }
    value = try row.decode(Data?.self, atIndex: 6)
    let written: Data = try row.decode(atIndex: 5)
    guard written == StateTables.checksum(bucket: bucket, text, revision, value) else {
      throw Problem(
        .internalFault, code: "data_corrupt", "the value of \(text) in \(file) is damaged",
        cause: "its checksum is not that of what is there",
        next: "Write it again, or restore the data folder from a backup.")
    }
  }

  func isLive(at now: WallInstant) -> Bool {
    value != nil && (expiresAt.map { now < $0 } ?? true)
  }

  /// What it counts for in its bucket.
  var size: Int {
    value.map { Bucket.entryOverhead + key.text.utf8.count + $0.count } ?? 0
  }

  var entry: StateEntry? {
    value.map {
      StateEntry(
        key: key, value: [UInt8]($0), revision: StateRevision(revision), modifiedAt: modifiedAt,
        expiresAt: expiresAt)
    }
  }
}
