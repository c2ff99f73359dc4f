import ClusterModel
public import GRDB

/// What a database file is, and how it came to be what it is: one migration after the other. Its
/// format number is how many of them it has seen (`user_version` of the file).
public struct DatabaseFormat: Sendable {
  public typealias Migration = @Sendable (Database) throws -> Void

  private let applicationID: Int32
  private let migrations: [Migration]

  /// - Parameters:
  ///   - applicationID: marks the file as ours (`application_id` of the file); never 0.
  ///   - migrations: all there ever were, oldest first; the first makes the tables.
  public init(applicationID: Int32, migrations: [Migration]) {
    precondition(applicationID != 0, "0 marks a file that is nobody's")
    self.applicationID = applicationID
    self.migrations = migrations
  }

  /// Brings a file up to date, wholly or not at all.
  func apply(to database: Database, file: String) throws {
    let found = try number(database, "user_version")
    let mark = try number(database, "application_id")
    let isEmpty = try Bool.fetchOne(
      database, sql: "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)")
    let isNew = found == 0 && mark == 0 && isEmpty == true
    guard isNew || mark == Int(applicationID) else {
      throw Problem(
        .conflict, code: "data_foreign", "\(file) is a database of another program",
        cause: "application id \(mark)", next: "Name another folder with --data DIR.")
    }
    guard found >= 0, isNew || found > 0 else {
      throw StorageProblem.corrupt(file, "its format number is \(found)")
    }
    guard found <= migrations.count else {
      throw StorageProblem.newer(file, found: found, known: migrations.count)
    }
    guard found < migrations.count else { return }
    try database.inTransaction(.immediate) {
      for migration in migrations[found...] { try migration(database) }
      try database.execute(sql: "PRAGMA application_id = \(applicationID)")
      try database.execute(sql: "PRAGMA user_version = \(migrations.count)")
      return .commit
    }
  }

  private func number(_ database: Database, _ pragma: String) throws -> Int {
    try Int.fetchOne(database, sql: "PRAGMA \(pragma)") ?? 0
  }
}
