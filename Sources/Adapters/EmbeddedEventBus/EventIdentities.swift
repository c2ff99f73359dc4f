import ClusterModel
import Crypto
import Foundation
import GRDB

/// Who published what lately, so that a publish that is repeated is known again. It is looked up and
/// written in the transaction of the event itself: of two at the same time one is the first, and after
/// a crash both the event and the memory of it are there, or neither.
struct EventIdentities {
  let database: Database
  let window: DeduplicationWindow

  /// Rows lie apart from events, which may be forgotten sooner. `number` is how many publishes there
  /// were; a row that is younger than its window's count is there.
  static let migration: @Sendable (Database) throws -> Void = { database in
    try database.execute(
      sql: """
        CREATE TABLE identities (
          number INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
          identity BLOB NOT NULL UNIQUE) STRICT;
        """)
  }

  /// Old rows that each publish takes away at most: more than it adds, so that they become fewer.
  private static let removedAtOnce = 2

  /// What is compared: the SHA-256 of namespace, source and id, none of which can hold a NUL.
  static func identity(of event: Event) -> Data {
    Data(
      SHA256.hash(data: Data("\(event.namespace)\u{0}\(event.source)\u{0}\(event.id)".utf8)))
  }

  /// Where the same event was put before; `nil` when it was not, or too long ago.
  func offset(of identity: Data, at now: WallInstant) throws -> EventOffset? {
    let select = try database.cachedStatement(
      sql: #"SELECT number, "offset", accepted_at FROM identities WHERE identity = ?"#)
    guard let row = try Row.fetchOne(select, arguments: [identity]) else { return nil }
    let acceptedAt = WallInstant(microseconds: try row.decode(atIndex: 2))
    guard acceptedAt + window.duration > now else {
      let delete = try database.cachedStatement(sql: "DELETE FROM identities WHERE number = ?")
      try delete.execute(arguments: [try row.decode(Int64.self, atIndex: 0)])
      return nil
    }
    return EventOffset(try row.decode(atIndex: 1))
  }

  /// Remembers an event that is new, and forgets what is beyond the window.
  func remember(_ identity: Data, _ offset: EventOffset, at now: WallInstant) throws {
    let insert = try database.cachedStatement(
      sql: #"INSERT INTO identities ("offset", accepted_at, identity) VALUES (?, ?, ?)"#)
    try insert.execute(arguments: [offset.number, now.microseconds, identity])
    let number = database.lastInsertedRowID
    let forgetMany = try database.cachedStatement(sql: "DELETE FROM identities WHERE number <= ?")
    try forgetMany.execute(arguments: [number - Int64(window.count)])
    let forgetOld = try database.cachedStatement(
      sql: """
        DELETE FROM identities WHERE accepted_at <= ? AND number IN
          (SELECT number FROM identities ORDER BY number LIMIT \(Self.removedAtOnce))
        """)
    try forgetOld.execute(arguments: [(now + (.zero - window.duration)).microseconds])
  }
}
