import Foundation
import GRDB
import GRDBSQLite

/// A statement that inserts rows, one after the other. What it does is what `Statement` does, without an array
/// of boxed values for each row: putting events into tables is what bounds how many can be accepted.
struct RowInserter {
  private let statement: Statement
  private let database: OpaquePointer
  private let handle: OpaquePointer

  /// - Parameter columns: quoted where SQL wants it.
  init(_ database: Database, into table: String, _ columns: [String]) throws {
    let places = columns.map { _ in "?" }.joined(separator: ", ")
    statement = try database.cachedStatement(
      sql: "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))")
    guard let connection = database.sqliteConnection else {
      throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the connection is closed")
    }
    self.database = connection
    handle = statement.sqliteStatement
  }

  /// Inserts a row with what `bind` puts into its columns; the first one is 1.
  func insert(_ bind: (RowInserter) -> Void) throws {
    defer {
      sqlite3_reset(handle)
      sqlite3_clear_bindings(handle)
    }
    bind(self)
    guard sqlite3_step(handle) == SQLITE_DONE else {
      throw DatabaseError(
        resultCode: ResultCode(rawValue: sqlite3_extended_errcode(database)),
        message: String(cString: sqlite3_errmsg(database)), sql: statement.sql)
    }
  }

  // A value that cannot be bound, for want of memory, is NULL, which no column of these tables takes.

  func set(_ column: Int32, _ number: Int64) { sqlite3_bind_int64(handle, column, number) }

  func set(_ column: Int32, _ number: Int) { set(column, Int64(number)) }

  func set(_ column: Int32, _ text: String) {
    var text = text
    text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        guard let start = characters.baseAddress else {
          // Without an address it would be NULL.
          sqlite3_bind_text(handle, column, "", 0, Self.copied)
          return
        }
        sqlite3_bind_text(handle, column, start, Int32(characters.count), Self.copied)
      }
    }
  }

  func set(_ column: Int32, _ data: Data) {
    data.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress, !bytes.isEmpty {
        _ = sqlite3_bind_blob(handle, column, start, Int32(bytes.count), Self.copied)
      } else {
        _ = sqlite3_bind_zeroblob(handle, column, 0)
      }
    }
  }

  /// SQLite makes a copy of it.
  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}
