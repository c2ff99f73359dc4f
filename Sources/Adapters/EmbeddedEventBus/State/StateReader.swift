import ClusterModel
import Foundation
import GRDB
import HostPorts

/// What is read of state.
struct StateReader {
  let database: Database
  /// For messages.
  let file: String

  /// Bytes of values in one list; there is always one entry, however long.
  private static let listedBytes = 16 << 20

  func get(
    _ key: StateKey, _ name: BucketName, _ namespace: Namespace, at now: WallInstant
  ) throws -> StateEntry? {
    let bucket = try StoredBucket.require(database, name, namespace)
    guard let stored = try entry(key, in: bucket.id), stored.isLive(at: now) else { return nil }
    return stored.entry
  }

  /// The row of a key, be it a deletion or expired.
  func entry(_ key: StateKey, in bucket: Int64) throws -> StoredEntry? {
    let select = try database.cachedStatement(
      sql: "SELECT \(StoredEntry.columns) FROM entries WHERE bucket = ? AND key = ?")
    return try Row.fetchOne(select, arguments: [bucket, key.text])
      .map { try StoredEntry($0, in: bucket, file: file) }
  }

  func list(
    _ name: BucketName, _ namespace: Namespace, prefix: String, after: StateKey?, limit: Int,
    at now: WallInstant
  ) throws -> [StateEntry] {
    let bucket = try StoredBucket.require(database, name, namespace)
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(StoredEntry.columns) FROM entries
        WHERE bucket = ?1 AND key >= ?2 AND key > ?3 AND value IS NOT NULL
          AND (expires_at IS NULL OR expires_at > ?4)
        ORDER BY key
        """, arguments: [bucket.id, prefix, after?.text ?? "", now.microseconds])
    var entries: [StateEntry] = []
    var bytes = 0
    while entries.count < limit, bytes < Self.listedBytes, let row = try rows.next() {
      let stored = try StoredEntry(row, in: bucket.id, file: file)
      // Keys are in the order of their bytes: none after this one has the prefix.
      guard stored.key.text.utf8.starts(with: prefix.utf8) else { break }
      guard let entry = stored.entry else { continue }
      entries.append(entry)
      bytes += entry.value.count
    }
    return entries
  }

  func changes(
    _ name: BucketName, _ namespace: Namespace, prefix: String, after revision: StateRevision?,
    limit: Int
  ) throws -> [StateChange] {
    let bucket = try StoredBucket.require(database, name, namespace)
    guard revision.map({ $0.number >= bucket.forgotten }) ?? true else {
      throw Problem(
        .conflict, code: "revision_too_old",
        "deletions after revision \(revision ?? .none) are no longer remembered",
        next: "List what is there, and watch from its newest revision on.")
    }
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(StoredEntry.columns) FROM entries WHERE bucket = ? AND revision > ?
        ORDER BY revision
        """, arguments: [bucket.id, revision?.number ?? 0])
    var changes: [StateChange] = []
    var bytes = 0
    while changes.count < limit, bytes < Self.listedBytes, let row = try rows.next() {
      let stored = try StoredEntry(row, in: bucket.id, file: file)
      guard stored.key.text.utf8.starts(with: prefix.utf8) else { continue }
      changes.append(
        StateChange(
          key: stored.key, revision: StateRevision(stored.revision), at: stored.modifiedAt,
          entry: stored.entry))
      bytes += stored.value?.count ?? 0
    }
    return changes
  }

  func position(_ name: BucketName, _ namespace: Namespace) throws -> BucketPosition {
    let bucket = try StoredBucket.require(database, name, namespace).bucket
    return BucketPosition(bucket: bucket, revision: try newest())
  }

  /// The revision of the last write.
  func newest() throws -> StateRevision {
    StateRevision(
      try Int64.fetchOne(database.cachedStatement(sql: "SELECT newest FROM revisions")) ?? 0)
  }

  func buckets(in namespace: Namespace) throws -> [BucketStatus] {
    try Row.fetchAll(
      database,
      sql: "SELECT \(StoredBucket.columns) FROM buckets WHERE namespace = ? ORDER BY name",
      arguments: [namespace.text]
    ).map { row in
      let stored = try StoredBucket(row)
      return BucketStatus(
        bucket: stored.bucket, entries: stored.entries, size: ByteCount(bytes: stored.size))
    }
  }
}
