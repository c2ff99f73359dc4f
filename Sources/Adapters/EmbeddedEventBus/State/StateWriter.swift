import ClusterModel
import Foundation
import GRDB

/// What is done to state within a transaction.
struct StateWriter {
  let database: Database
  let file: String
  /// Deletions that are remembered of a bucket.
  let rememberedDeletions: Int

  private var reader: StateReader { StateReader(database: database, file: file) }

  func declare(_ bucket: Bucket) throws {
    let known = try StoredBucket.fetch(database, bucket.name, bucket.namespace)
    var bucket = bucket
    // Changed by hand it still is of the application that declares it.
    bucket.application = bucket.application ?? known?.bucket.application
    let rules = try EventTables.encode(bucket)
    guard let known else {
      try database.execute(
        sql: """
          INSERT INTO buckets (namespace, name, entries, size, forgotten, rules)
          VALUES (?, ?, 0, 0, (SELECT newest FROM revisions), ?)
          """, arguments: [bucket.namespace.text, bucket.name.text, rules])
      return
    }
    try known.bucket.requireSameConsistency(as: bucket)
    try database.execute(
      sql: "UPDATE buckets SET rules = ? WHERE id = ?", arguments: [rules, known.id])
  }

  func removeBucket(_ name: BucketName, _ namespace: Namespace) throws -> Bool {
    guard let bucket = try StoredBucket.fetch(database, name, namespace) else { return false }
    try database.execute(sql: "DELETE FROM entries WHERE bucket = ?", arguments: [bucket.id])
    try database.execute(sql: "DELETE FROM buckets WHERE id = ?", arguments: [bucket.id])
    return true
  }

  func write(
    _ writes: [StateWrite], _ namespace: Namespace, at now: WallInstant
  ) throws -> [StateRevision] {
    try writes.map { write in
      var bucket = try StoredBucket.require(database, write.bucket, namespace)
      let present = try reader.entry(write.key, in: bucket.id)
      let live = present.flatMap { $0.isLive(at: now) ? $0 : nil }
      try check(write, live)
      let revision = try carryOut(write, present, live, &bucket, now)
      try forgetDeletions(in: bucket)
      return revision
    }
  }

  private func check(_ write: StateWrite, _ live: StoredEntry?) throws {
    let holds: Bool =
      switch write.condition {
      case .always: true
      case .absent: live == nil
      case .unchanged(let since): live?.revision == since.number
      }
    guard holds else {
      let found = live.map { "revision \($0.revision)" } ?? "nothing"
      throw Problem(
        .conflict, code: "state_conflict", "\(write.key) was changed by another writer",
        cause: "there is \(found)", next: "Read it again, and decide anew.")
    }
  }

  private func carryOut(
    _ write: StateWrite, _ present: StoredEntry?, _ live: StoredEntry?,
    _ bucket: inout StoredBucket, _ now: WallInstant
  ) throws -> StateRevision {
    let value: Data?
    switch write.action {
    case .delete where present?.value == nil: return try reader.newest()
    case .delete: value = nil
    case .set(let bytes): value = Data(bytes)
    case .merge(let function, let operand):
      value = Data(try function.merge(live?.value.map { [UInt8]($0) }, with: operand))
    }
    if let value, value.count > bucket.bucket.maximumValue.bytes {
      throw Problem(
        .tooLarge, code: "value_too_large",
        "the value of \(write.key) is longer than \(bucket.bucket.maximumValue)",
        next: "Make it smaller, or allow more with `wasmatrix state create`.")
    }
    let revision = try nextRevision()
    let expiry = value == nil ? nil : bucket.bucket.timeToLive.map { now + $0 }
    let size = value.map { Bucket.entryOverhead + write.key.text.utf8.count + $0.count } ?? 0
    bucket.size += size - (present?.size ?? 0)
    bucket.entries += (value == nil ? 0 : 1) - (present?.value == nil ? 0 : 1)
    if size > present?.size ?? 0, bucket.size > bucket.bucket.maximumSize.bytes {
      throw Problem(
        .overloaded, code: "bucket_full",
        "bucket \(write.bucket) holds no more than \(bucket.bucket.maximumSize)",
        next: "Delete something, or allow more with `wasmatrix state create`.")
    }
    try put(write.key, value, revision, expiry, bucket, now)
    return StateRevision(revision)
  }

  private func put(
    _ key: StateKey, _ value: Data?, _ revision: Int64, _ expiry: WallInstant?,
    _ bucket: StoredBucket, _ now: WallInstant
  ) throws {
    let upsert = try database.cachedStatement(
      sql: """
        INSERT INTO entries (bucket, key, revision, modified_at, expires_at, checksum, value)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (bucket, key) DO UPDATE SET
          revision = ?3, modified_at = ?4, expires_at = ?5, checksum = ?6, value = ?7
        """)
    try upsert.execute(arguments: [
      bucket.id, key.text, revision, now.microseconds, expiry?.microseconds,
      StateTables.checksum(bucket: bucket.id, key.text, revision, value), value,
    ])
    let update = try database.cachedStatement(
      sql: "UPDATE buckets SET entries = ?, size = ? WHERE id = ?")
    try update.execute(arguments: [bucket.entries, bucket.size, bucket.id])
  }

  private func nextRevision() throws -> Int64 {
    try database.cachedStatement(sql: "UPDATE revisions SET newest = newest + 1").execute()
    return try reader.newest().number
  }

  /// Deletions beyond a number are forgotten, the oldest first, many at a time.
  private func forgetDeletions(in bucket: StoredBucket) throws {
    // Looked at now and then: counting costs as much as there are.
    guard try reader.newest().number % Int64(max(1, rememberedDeletions / 10)) == 0 else { return }
    let last = try Int64.fetchOne(
      database,
      sql: """
        SELECT revision FROM entries WHERE bucket = ? AND value IS NULL
        ORDER BY revision DESC LIMIT 1 OFFSET ?
        """, arguments: [bucket.id, rememberedDeletions])
    guard let last else { return }
    try database.execute(
      sql: "DELETE FROM entries WHERE bucket = ? AND value IS NULL AND revision <= ?",
      arguments: [bucket.id, last])
    try database.execute(
      sql: "UPDATE buckets SET forgotten = ? WHERE id = ?", arguments: [last, bucket.id])
  }

  /// Deletes what has expired.
  func sweep(at now: WallInstant, limit: Int) throws -> [Int64] {
    let expired = try Row.fetchAll(
      database,
      sql: """
        SELECT bucket, key FROM entries WHERE expires_at IS NOT NULL AND expires_at <= ?
        ORDER BY expires_at, revision LIMIT ?
        """, arguments: [now.microseconds, limit])
    for row in expired {
      let id: Int64 = try row.decode(atIndex: 0)
      guard
        let found = try Row.fetchOne(
          database, sql: "SELECT \(StoredBucket.columns) FROM buckets WHERE id = ?",
          arguments: [id])
      else { continue }
      var bucket = try StoredBucket(found)
      let key = try StateKey(row.decode(String.self, atIndex: 1))
      guard let present = try reader.entry(key, in: id) else { continue }
      _ = try carryOut(
        StateWrite(bucket: bucket.bucket.name, key: key, action: .delete), present, nil, &bucket,
        now)
      try forgetDeletions(in: bucket)
    }
    return try expired.map { try $0.decode(atIndex: 0) }
  }
}
