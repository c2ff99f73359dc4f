import Foundation
import GRDB
import GRDBSQLite

/// Inserts rows into a table, many with each statement: a statement's own work is a third of what a small row
/// takes, and putting events into tables is what bounds how many can be accepted. Bound through SQLite's own
/// calls, without an array of boxed values for each row.
struct RowInserter {
  private struct Prepared {
    let statement: Statement
    let handle: OpaquePointer
  }

  private let database: OpaquePointer
  private let columns: Int32
  private let one: Prepared
  private let many: Prepared

  /// Rows of a statement that inserts many: more save little.
  private static let together = 16

  /// - Parameter columns: quoted where SQL wants it.
  init(_ database: Database, into table: String, _ columns: [String]) throws {
    guard let connection = database.sqliteConnection else {
      throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the connection is closed")
    }
    func prepared(_ rows: Int) throws -> Prepared {
      let places = "(" + columns.map { _ in "?" }.joined(separator: ", ") + ")"
      let statement = try database.cachedStatement(
        sql: """
          INSERT OR FAIL INTO \(table) (\(columns.joined(separator: ", "))) VALUES \
          \(repeatElement(places, count: rows).joined(separator: ", "))
          """)
      return Prepared(statement: statement, handle: statement.sqliteStatement)
    }
    self.database = connection
    self.columns = Int32(columns.count)
    one = try prepared(1)
    many = try prepared(Self.together)
  }

  /// Inserts rows with what `bind` puts into all of their columns. They live until they are inserted, and so
  /// does what ``InsertedRow/borrow(_:text:)`` takes of them.
  func insert<Rows: RandomAccessCollection>(
    _ rows: Rows, _ bind: (Rows.Element, InsertedRow) -> Void
  ) throws {
    defer {
      // Nothing that was bound is kept.
      sqlite3_clear_bindings(one.handle)
      sqlite3_clear_bindings(many.handle)
      withExtendedLifetime(rows) {}
    }
    var rest = rows[...]
    while !rest.isEmpty {
      let count = rest.count < Self.together ? 1 : Self.together
      let prepared = count == 1 ? one : many
      for (index, row) in rest.prefix(count).enumerated() {
        bind(row, InsertedRow(handle: prepared.handle, before: Int32(index) * columns))
      }
      try step(prepared)
      rest = rest.dropFirst(count)
    }
  }

  private func step(_ prepared: Prepared) throws {
    defer { sqlite3_reset(prepared.handle) }
    guard sqlite3_step(prepared.handle) == SQLITE_DONE else {
      throw DatabaseError(
        resultCode: ResultCode(rawValue: sqlite3_extended_errcode(database)),
        message: String(cString: sqlite3_errmsg(database)), sql: prepared.statement.sql)
    }
  }
}

/// A row that is being inserted. Its first column is 1; each has to be set.
///
/// A value that cannot be bound, for want of memory, is NULL, which no column takes that has to be there.
struct InsertedRow {
  fileprivate let handle: OpaquePointer
  /// Places in the statement before those of this row.
  fileprivate let before: Int32

  func set(_ column: Int32, _ number: Int64) { sqlite3_bind_int64(handle, before + column, number) }

  func set(_ column: Int32, _ number: Int64?) {
    if let number { set(column, number) } else { sqlite3_bind_null(handle, before + column) }
  }

  func set(_ column: Int32, _ text: String) {
    var text = text
    text.withUTF8 { set(column, text: UnsafeRawBufferPointer($0)) }
  }

  func set(_ column: Int32, _ text: String?) {
    if let text { set(column, text) } else { sqlite3_bind_null(handle, before + column) }
  }

  /// - Parameter text: UTF-8.
  func set(_ column: Int32, text: UnsafeRawBufferPointer) { bind(column, text: text, Self.copied) }

  func set(_ column: Int32, blob: UnsafeRawBufferPointer) { bind(column, blob: blob, Self.copied) }

  /// SQLite reads it where it is: it belongs to a row that is being inserted.
  func borrow(_ column: Int32, text: UnsafeRawBufferPointer) { bind(column, text: text, nil) }

  /// SQLite reads it where it is: it belongs to a row that is being inserted.
  func borrow(_ column: Int32, blob: UnsafeRawBufferPointer) { bind(column, blob: blob, nil) }

  private func bind(
    _ column: Int32, text: UnsafeRawBufferPointer, _ destructor: sqlite3_destructor_type?
  ) {
    guard let start = text.assumingMemoryBound(to: CChar.self).baseAddress else {
      // Without an address it would be NULL.
      sqlite3_bind_text(handle, before + column, "", 0, Self.copied)
      return
    }
    sqlite3_bind_text(handle, before + column, start, Int32(text.count), destructor)
  }

  private func bind(
    _ column: Int32, blob: UnsafeRawBufferPointer, _ destructor: sqlite3_destructor_type?
  ) {
    if let start = blob.baseAddress, !blob.isEmpty {
      sqlite3_bind_blob(handle, before + column, start, Int32(blob.count), destructor)
    } else {
      sqlite3_bind_zeroblob(handle, before + column, 0)
    }
  }

  func set(_ column: Int32, _ data: Data) { data.withUnsafeBytes { set(column, blob: $0) } }

  func set(_ column: Int32, _ data: Data?) {
    if let data { set(column, data) } else { sqlite3_bind_null(handle, before + column) }
  }

  /// SQLite makes a copy of it.
  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}
