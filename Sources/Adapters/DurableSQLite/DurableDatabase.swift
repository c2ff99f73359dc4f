public import ClusterModel
import Dispatch
public import GRDB
import Glibc
import Synchronization

/// A SQLite file in which committed means synced, read concurrently, written by one group committer.
public final class DurableDatabase: Sendable {
  /// For messages.
  public let path: String
  private let pool: DatabasePool
  private let committer: GroupCommitter
  private let isClosed = Mutex(false)
  /// Closing writes the journal back into the file and blocks on that.
  private let closing = DispatchQueue(label: "database closing")

  /// Connections that read at the same time; reads are short, and each has a page cache.
  private static let readers = 4
  /// The page cache of a connection, in KiB: the index pages of a busy log fit, and the connections of
  /// all files together stay under 100 MiB.
  private static let cacheSize = 8192
  /// Pages of 4 KiB in the journal before it is written back into the file: seldom enough that few
  /// commits pay for it, often enough that a start after a crash reads 8 MiB at most.
  private static let checkpointPages = 2000
  /// What the journal is cut to, in bytes, once it is written back.
  private static let journalSize = 64 << 20
  /// How long a statement waits for another program that holds the file, in seconds.
  private static let patience: Double = 5

  /// Opens (and makes) the file and brings its tables up to date. Blocks: for the start of a program.
  ///
  /// - Throws: ``Problem`` `data_newer` when a later release wrote it, `data_foreign` when another
  ///   program did, `data_corrupt`, `data_read_only`, `disk_full`.
  public init(path: String, format: DatabaseFormat) throws(Problem) {
    self.path = path
    try Self.makeFile(path)
    do {
      let pool = try DatabasePool(path: path, configuration: Self.configuration(path))
      try pool.writeWithoutTransaction { database in
        try Self.syncEachCommit(database)
        try format.apply(to: database, file: path)
      }
      self.pool = pool
      committer = GroupCommitter(pool: pool, file: path)
    } catch {
      throw StorageProblem.from(error, file: path)
    }
  }

  /// Runs `body` in a transaction and returns when that is on the disk. Calls that wait together are
  /// committed together, each undone alone when it throws. Cancelling the task changes nothing.
  ///
  /// - Parameter cost: about how many bytes `body` holds while it waits.
  /// - Throws: ``Problem`` `store_busy` when too much waits already, or why it was not done.
  public func write<Value: Sendable>(
    cost: ByteCount = ByteCount(bytes: 0), _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    try await committer.write(cost: cost.bytes, isSynced: true, body)
  }

  /// Runs `body` in a transaction that others see when this returns, and that a power cut may take away again
  /// with all that came after it, until a later one is on the disk: for what can be made again.
  public func writeUnsynced<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    try await committer.write(cost: 0, isSynced: false, body)
  }

  /// Runs `body` in a transaction as ``write(cost:_:)`` does, for those who are no task. `finish` is called
  /// when that is done, or with why it was not.
  ///
  /// - Parameter isSynced: whether it is on the disk then; see ``writeUnsynced(_:)``.
  public func submit(
    isSynced: Bool = true, _ body: @escaping @Sendable (Database) throws -> Void,
    finish: @escaping @Sendable (Problem?) -> Void
  ) {
    committer.submit(isSynced: isSynced, body, finish: finish)
  }

  /// Runs `body` in a transaction of its own. Blocks: for the start of a program.
  public func writeAtStart<Value>(_ body: (Database) throws -> Value) throws(Problem) -> Value {
    do { return try pool.write(body) } catch { throw StorageProblem.from(error, file: path) }
  }

  /// Runs `body` in a transaction of which nothing stays: to read what would be there if there was room for
  /// it on the disk.
  public func readUndone<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    let path = path
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      isClosed.withLock { isClosed in
        guard !isClosed else {
          return continuation.resume(returning: .failure(StorageProblem.closed(path)))
        }
        pool.asyncWriteWithoutTransaction { database in
          let result = Result {
            try database.beginTransaction(.immediate)
            // Where that fails SQLite has undone it already.
            defer { try? database.rollback() }
            return try body(database)
          }
          continuation.resume(
            returning: result.mapError { StorageProblem.from($0, file: path) })
        }
      }
    }
    return try result.get()
  }

  /// Runs `body` on a consistent view of what is committed.
  public func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    let path = path
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      // Within the lock, so that no read begins on a pool that is being closed.
      isClosed.withLock { isClosed in
        guard !isClosed else {
          return continuation.resume(returning: .failure(StorageProblem.closed(path)))
        }
        pool.asyncRead { database in
          let result = Result { try body(database.get()) }
          continuation.resume(
            returning: result.mapError { StorageProblem.from($0, file: path) })
        }
      }
    }
    return try result.get()
  }

  /// How many transactions were committed so far.
  public var commits: Int { committer.commits }

  /// Carries out what waits, writes the journal back, and closes the file. Later calls fail with
  /// `store_closed`; closing again is fine.
  public func close() async throws(Problem) {
    isClosed.withLock { $0 = true }
    committer.refuseFurther()
    let (pool, path) = (pool, path)
    let result: Result<Void, Problem> = await withCheckedContinuation { continuation in
      closing.async {
        let result = Result { try pool.close() }
        continuation.resume(returning: result.mapError { StorageProblem.from($0, file: path) })
      }
    }
    try result.get()
  }

  /// What undoes a statement is kept in memory: it is bounded by what a group holds, and there may be
  /// no other folder that can be written. Damage is looked for in each page that is read.
  private static func configuration(_ path: String) -> Configuration {
    var configuration = Configuration()
    configuration.label = path
    configuration.busyMode = .timeout(patience)
    configuration.maximumReaderCount = readers
    configuration.prepareDatabase { database in
      try database.execute(
        sql: """
          PRAGMA wal_autocheckpoint = \(checkpointPages);
          PRAGMA cache_size = -\(cacheSize);
          PRAGMA journal_size_limit = \(journalSize);
          PRAGMA cell_size_check = ON;
          PRAGMA temp_store = MEMORY;
          """)
    }
    return configuration
  }

  /// Each commit syncs the journal before it returns: acknowledged means durable. To be said to the
  /// open writer, because the pool sets a weaker mode when it opens one.
  private static func syncEachCommit(_ database: Database) throws {
    try database.execute(sql: "PRAGMA synchronous = FULL")
    let full = 2
    guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == full else {
      throw DatabaseError(message: "commits would not be synced")
    }
  }

  /// Makes the file before SQLite does, for nobody but the owner: the journal takes after it.
  private static func makeFile(_ path: String) throws(Problem) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor < 0 else {
      Glibc.close(descriptor)
      return
    }
    guard errno == EEXIST else {
      throw StorageProblem.from(errno: errno, doing: "open", file: path)
    }
  }
}
