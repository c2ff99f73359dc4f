import ClusterModel
import Foundation
import GRDB

/// What ``RecentIdentities`` holds, in a table, for the next start. A row is written in the transaction of its
/// event: after a crash both are there, or neither.
enum EventIdentities {
  /// As an earlier release looked them up: by an index.
  static let migration: @Sendable (Database) throws -> Void = { database in
    try database.execute(
      sql: """
        CREATE TABLE identities (
          number INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
          identity BLOB NOT NULL UNIQUE) STRICT;
        """)
  }

  /// Rows lie apart from events, which may be forgotten sooner. `number` is how many publishes there were;
  /// they are only read at a start, in its order.
  static let withoutIndex: @Sendable (Database) throws -> Void = { database in
    try database.execute(
      sql: """
        CREATE TABLE publishes (
          number INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
          identity BLOB NOT NULL) STRICT;
        INSERT INTO publishes SELECT number, "offset", accepted_at, identity FROM identities;
        DROP TABLE identities;
        ALTER TABLE publishes RENAME TO identities;
        """)
  }

  /// As many of them as fit into a page in each row, one behind the other: a row of its own takes as long as all
  /// else that is kept of an event's identity.
  static let packed: @Sendable (Database) throws -> Void = { database in
    try database.execute(
      sql: """
        CREATE TABLE publishes (
          first INTEGER PRIMARY KEY, last INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
          content BLOB NOT NULL) STRICT;
        """)
    var publishes: [Publish] = []
    let rows = try Row.fetchCursor(
      database,
      sql: #"SELECT number, "offset", accepted_at, identity FROM identities ORDER BY number"#)
    while let row = try rows.next() {
      publishes.append(
        Publish(
          number: try row.decode(atIndex: 0), offset: EventOffset(try row.decode(atIndex: 1)),
          acceptedAt: WallInstant(microseconds: try row.decode(atIndex: 2)),
          identity: try PublishIdentity(try row.decode(Data.self, atIndex: 3))))
    }
    try insert(publishes, into: database)
    try database.execute(sql: "DROP TABLE identities")
  }

  struct Publish: Sendable {
    let number: Int64
    let offset: EventOffset
    let acceptedAt: WallInstant
    let identity: PublishIdentity
  }

  /// Publishes in a row: as many as fit into a page of SQLite.
  private static let together = 96
  /// Bytes of one.
  private static let size = 40

  static func insert(_ publishes: [Publish], into database: Database) throws {
    guard !publishes.isEmpty else { return }
    let inserter = try RowInserter(
      database, into: "publishes", ["first", "last", "accepted_at", "content"])
    let starts = stride(from: 0, to: publishes.count, by: together)
    try inserter.insert(
      starts.map { publishes[$0..<min($0 + together, publishes.count)] }
    ) { publishes, row in
      var content = ByteWriter()
      content.reserve(publishes.count * size)
      for publish in publishes {
        content.put(publish.number)
        content.put(publish.offset.number)
        content.put(publish.acceptedAt.microseconds)
        content.put(publish.identity.first)
        content.put(publish.identity.second)
      }
      row.set(1, publishes[publishes.startIndex].number)
      row.set(2, publishes[publishes.endIndex - 1].number)
      row.set(3, publishes[publishes.endIndex - 1].acceptedAt.microseconds)
      content.bytes.withUnsafeBytes { row.set(4, blob: $0) }
    }
  }

  /// What cannot be read is not known again.
  static func load(_ database: Database, _ window: DeduplicationWindow) throws -> RecentIdentities {
    let newest = try Int64.fetchOne(database, sql: "SELECT MAX(last) FROM publishes") ?? 0
    var identities = RecentIdentities(window, newest: newest)
    let rows = try Row.fetchCursor(
      database, sql: "SELECT content FROM publishes WHERE last > ? ORDER BY first",
      arguments: [newest - Int64(window.count)])
    while let row = try rows.next() {
      var reader = ByteReader(try [UInt8](row.decode(Data.self, atIndex: 0))[...])
      while let publish = try? publish(&reader), publish.number <= newest {
        identities.take(publish)
      }
    }
    return identities
  }

  private static func publish(_ reader: inout ByteReader) throws(DamagedRow) -> Publish {
    Publish(
      number: try reader.number(), offset: EventOffset(try reader.number()),
      acceptedAt: WallInstant(microseconds: try reader.number()),
      identity: try PublishIdentity(from: &reader))
  }

  /// Forgets rows of which all is beyond the window, oldest first. The newest one stays, for its number.
  static func trim(_ database: Database, _ window: DeduplicationWindow, at now: WallInstant) throws
  {
    let old = (now + (.zero - window.duration)).microseconds
    let newest = try database.cachedStatement(
      sql: "SELECT first, last FROM publishes ORDER BY first DESC LIMIT 1")
    guard let row = try Row.fetchOne(newest) else { return }
    let (newestRow, newestNumber): (Int64, Int64) = (
      try row.decode(atIndex: 0), try row.decode(atIndex: 1)
    )
    let oldest = try database.cachedStatement(
      sql: "SELECT first, last, accepted_at FROM publishes WHERE first < ? ORDER BY first")
    var firstKept = newestRow
    let rows = try Row.fetchCursor(oldest, arguments: [newestRow])
    while let row = try rows.next() {
      let isBeyond =
        try row.decode(Int64.self, atIndex: 1) <= newestNumber - Int64(window.count)
        || row.decode(Int64.self, atIndex: 2) <= old
      guard isBeyond else {
        firstKept = try row.decode(atIndex: 0)
        break
      }
    }
    try database.cachedStatement(sql: "DELETE FROM publishes WHERE first < ?")
      .execute(arguments: [firstKept])
  }
}
