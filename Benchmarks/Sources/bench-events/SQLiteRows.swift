import Foundation
import GRDB
import Measuring

/// What SQLite alone takes to keep an event: a row with its data in a table of one column, a transaction each,
/// each synced, without our group commit.
struct SQLiteRows {
  private let pool: DatabasePool
  private let data = Data(Sample.data)

  init(in workspace: Workspace) throws {
    pool = try DatabasePool(path: workspace.path + "/rows.sqlite")
    try pool.writeWithoutTransaction { database in
      try database.execute(
        sql: """
          PRAGMA synchronous = FULL;
          CREATE TABLE events ("offset" INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL) STRICT;
          """)
    }
    for _ in 0..<200 { try one() }
  }

  private func one() throws {
    try pool.writeWithoutTransaction { database in
      try database.inTransaction(.immediate) {
        let insert = try database.cachedStatement(sql: "INSERT INTO events (data) VALUES (?)")
        try insert.execute(arguments: [data])
        return .commit
      }
    }
  }

  /// - Returns: rows a second.
  func rate(_ count: Int) throws -> Double {
    let start = Measuring.clock()
    for _ in 0..<count { try one() }
    return Double(count) * 1e9 / Double(Measuring.clock() - start)
  }

  func close() throws { try pool.close() }
}
