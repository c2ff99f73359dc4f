public import ClusterModel
import Foundation
public import GRDB
import Glibc

/// A SQLite file in which committed means synced, read concurrently, written by one group committer.
public final class DurableDatabase: Sendable {
  /// For messages.
  public let path: String
  private let pool: DatabasePool
  private let committer: GroupCommitter

  /// Opens (and makes) the file and brings its tables up to date.
  ///
  /// - Parameter migrator: every migration there ever was, in order.
  /// - Throws: ``Problem`` `data_newer` when a later release wrote it, `data_corrupt`, ...
  public init(path: String, migrator: DatabaseMigrator) throws(Problem) {
    self.path = path
    var configuration = Configuration()
    configuration.label = (path as NSString).lastPathComponent
    configuration.busyMode = .timeout(5)
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { database in
      // Each commit syncs the log before it returns: acknowledged means durable.
      try database.execute(sql: "PRAGMA synchronous = FULL")
      try database.execute(sql: "PRAGMA wal_autocheckpoint = 2000")
      try database.execute(sql: "PRAGMA cache_size = -16384")
      try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
    }
    do {
      let pool = try DatabasePool(path: path, configuration: configuration)
      guard chmod(path, 0o600) == 0 else {
        throw StorageProblem.from(errno: errno, doing: "chmod", file: path)
      }
      let isNewer = try pool.read { try migrator.hasBeenSuperseded($0) }
      guard !isNewer else {
        throw Problem(
          .conflict, code: "data_newer", "\(path) was written by a later release",
          next: "Use the release that wrote it, or a newer one.")
      }
      try migrator.migrate(pool)
      self.pool = pool
      committer = GroupCommitter(pool: pool, file: path)
    } catch {
      throw StorageProblem.from(error, file: path)
    }
  }

  /// Runs `body` in a transaction and returns when that is on the disk. Calls that wait together are
  /// committed together, each undone alone when it throws.
  public func write<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    try await committer.write(body)
  }

  /// Runs `body` on a consistent view of what is committed.
  public func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    do { return try await pool.read(body) } catch {
      throw StorageProblem.from(error, file: path)
    }
  }

  /// How many transactions were committed so far.
  public var commits: Int { committer.commits }

  public func close() throws(Problem) {
    do { try pool.close() } catch { throw StorageProblem.from(error, file: path) }
  }
}
