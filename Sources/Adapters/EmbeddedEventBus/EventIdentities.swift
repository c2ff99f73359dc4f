import ClusterModel
import Crypto
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

  /// What is compared: the SHA-256 of namespace, source and id, none of which can hold a NUL.
  static func identity(of event: Event) -> Data {
    var text: [UInt8] = []
    let parts = [event.namespace.text, event.source, event.id]
    text.reserveCapacity(parts.reduce(parts.count) { $0 + $1.utf8.count })
    for (index, part) in parts.enumerated() {
      if index > 0 { text.append(0) }
      text.append(contentsOf: part.utf8)
    }
    return Data(SHA256.hash(data: text))
  }

  static func load(_ database: Database, _ window: DeduplicationWindow) throws -> RecentIdentities {
    let newest = try Int64.fetchOne(database, sql: "SELECT MAX(number) FROM identities") ?? 0
    var identities = RecentIdentities(window, newest: newest)
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT number, "offset", accepted_at, identity FROM identities WHERE number > ?
        ORDER BY number
        """, arguments: [newest - Int64(window.count)])
    while let row = try rows.next() {
      identities.take(
        try row.decode(Data.self, atIndex: 3), number: try row.decode(atIndex: 0),
        EventOffset(try row.decode(atIndex: 1)),
        at: WallInstant(microseconds: try row.decode(atIndex: 2)))
    }
    return identities
  }

  static func insert(
    _ database: Database, number: Int64, _ offset: EventOffset, _ event: StoredEvent
  )
    throws
  {
    let insert = try database.cachedStatement(
      sql: #"INSERT INTO identities (number, "offset", accepted_at, identity) VALUES (?, ?, ?, ?)"#)
    try insert.execute(arguments: [
      number, offset.number, event.acceptedAt.microseconds, event.identity,
    ])
  }

  /// Forgets what is beyond the window. The newest one stays, for its number.
  static func trim(_ database: Database, _ window: DeduplicationWindow, at now: WallInstant) throws
  {
    try database.execute(
      sql: """
        DELETE FROM identities WHERE number <=
          (SELECT MAX(number) FROM identities) - ?
        """, arguments: [window.count])
    let old = (now + (.zero - window.duration)).microseconds
    let firstYoung = try Int64.fetchOne(
      database,
      sql: "SELECT number FROM identities WHERE accepted_at > ? ORDER BY number LIMIT 1",
      arguments: [old])
    try database.execute(
      sql: """
        DELETE FROM identities WHERE number < COALESCE(?, (SELECT MAX(number) FROM identities))
        """, arguments: [firstYoung])
  }
}
