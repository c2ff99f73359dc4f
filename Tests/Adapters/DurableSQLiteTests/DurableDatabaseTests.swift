import ClusterModel
import Dispatch
import DurableSQLite
import Foundation
import GRDB
import StorageTesting
import Testing

@Suite struct DurableDatabaseTests {
  private static let first: DatabaseFormat.Migration = {
    try $0.execute(sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
  }
  private static let second: DatabaseFormat.Migration = {
    try $0.execute(sql: "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'nobody'")
  }
  private let temporary: TemporaryFolder
  private let folder: DataFolder
  private var path: String { folder.path + "/notes.sqlite" }

  init() throws {
    temporary = TemporaryFolder()
    folder = try DataFolder(temporary.path)
  }

  private func open(
    _ migrations: DatabaseFormat.Migration..., applicationID: Int32 = 7, at path: String? = nil
  ) throws -> DurableDatabase {
    try DurableDatabase(
      path: path ?? self.path,
      format: DatabaseFormat(
        applicationID: applicationID, migrations: migrations.isEmpty ? [Self.first] : migrations))
  }

  private func add(_ text: String, to database: DurableDatabase) async throws {
    try await database.write {
      try $0.execute(sql: "INSERT INTO notes (text) VALUES (?)", arguments: [text])
    }
  }

  private func texts(_ database: DurableDatabase) async throws -> [String] {
    try await database.read { try String.fetchAll($0, sql: "SELECT text FROM notes ORDER BY id") }
  }

  @Test func `what was written is there after opening again`() async throws {
    let database = try open()
    try await add("a", to: database)
    #expect(try await texts(database) == ["a"])
    try await database.close()
    #expect(try await texts(open()) == ["a"])
  }

  @Test func `each commit syncs the journal`() async throws {
    let database = try open()
    let mode = try await database.write {
      [
        try String.fetchOne($0, sql: "PRAGMA journal_mode"),
        try String.fetchOne($0, sql: "PRAGMA synchronous"),
        try String.fetchOne($0, sql: "PRAGMA foreign_keys"),
      ]
    }
    #expect(mode == ["wal", "2", "1"], "2 is FULL: in that journal mode anything less syncs later")
  }

  @Test func `a commit that need not be synced is not, and the next one is again`() async throws {
    let database = try open()
    let mode: @Sendable (Database) throws -> String? = {
      try String.fetchOne($0, sql: "PRAGMA synchronous")
    }
    for _ in 0..<3 {
      #expect(try await database.writeUnsynced(mode) == "1", "NORMAL")
      #expect(try await database.write(mode) == "2", "FULL")
    }
    // Together with one that must be, it is.
    async let unsynced = database.writeUnsynced(mode)
    async let synced = database.write(mode)
    #expect(try await synced == "2")
    _ = try await unsynced
  }

  @Test func `nobody else can read the file or its journal`() async throws {
    let database = try open()
    try await add("a", to: database)
    for name in ["notes.sqlite", "notes.sqlite-wal", "notes.sqlite-shm"] {
      #expect(try temporary.permissions(of: name) == 0o600)
    }
  }

  @Test func `a write that throws is undone and says why`() async throws {
    let database = try open()
    let code = await problemCode {
      try await database.write { database in
        try database.execute(sql: "INSERT INTO notes (text) VALUES ('undone')")
        throw Problem(.conflict, code: "mine", "no")
      }
    }
    #expect(code == "mine")
    #expect(try await texts(database) == [])
  }

  @Test func `an older file is brought up to date, with what is in it`() async throws {
    let old = try open()
    try await add("a", to: old)
    try await old.close()
    let new = try open(Self.first, Self.second)
    #expect(
      try await new.read { try String.fetchAll($0, sql: "SELECT author FROM notes") } == ["nobody"])
  }

  @Test func `a migration that fails changes nothing`() async throws {
    let old = try open()
    try await add("a", to: old)
    try await old.close()
    let code = await problemCode {
      _ = try open(Self.first, Self.second, { try $0.execute(sql: "NONSENSE") })
    }
    #expect(code == "data_failed")
    #expect(try await texts(open()) == ["a"])
  }

  @Test func `a newer file is refused, and both numbers are named`() async throws {
    try await open(Self.first, Self.second).close()
    let refusal = try #require(await problem { _ = try open(Self.first) })
    #expect(refusal.code == "data_newer")
    #expect(refusal.message.contains("format 2") && refusal.message.contains("up to 1"))
    #expect(refusal.next != nil)
  }

  @Test func `a database of another program is refused`() async throws {
    try await open(applicationID: 8).close()
    #expect(await problemCode { _ = try open() } == "data_foreign")
  }

  @Test func `a file that is no database is damaged`() async throws {
    try Data((0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      .write(to: URL(fileURLWithPath: path))
    #expect(await problemCode { _ = try open() } == "data_corrupt")
  }

  @Test func `damaged pages are a clear error wherever they are`() async throws {
    let database = try open()
    for number in 0..<50 { try await add(String(repeating: "\(number)", count: 500), to: database) }
    try await database.close()
    let pages = try temporary.size(of: "notes.sqlite") / 4096
    try #require(pages > 5)
    for page in 1..<pages {
      let damaged = TemporaryFolder()
      try temporary.copy(["notes.sqlite"], to: damaged)
      try damaged.overwrite(
        "notes.sqlite", at: page * 4096,
        with: (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37 + page) })
      let code = await problemCode {
        _ = try await texts(open(at: damaged.path + "/notes.sqlite"))
      }
      #expect(code == "data_corrupt", "page \(page)")
    }
  }

  @Test func `a torn end of the journal loses what was not acknowledged, nothing else`()
    async throws
  {
    let database = try open()
    try await add("kept", to: database)
    let committed = try temporary.size(of: "notes.sqlite-wal")
    try await add("lost", to: database)
    let end = try temporary.size(of: "notes.sqlite-wal")
    for cut in stride(from: committed, to: end, by: 997) {
      let torn = TemporaryFolder()
      try temporary.copy(["notes.sqlite", "notes.sqlite-wal"], to: torn)
      try torn.overwrite(
        "notes.sqlite-wal", at: cut,
        with: (cut..<end + 5000).map { UInt8(truncatingIfNeeded: $0 &* 41) })
      let after = try open(at: torn.path + "/notes.sqlite")
      #expect(try await texts(after) == ["kept"])
      try await after.close()
    }
  }

  @Test func `a full disk is said, and when there is room again all goes on`() async throws {
    let database = try open()
    try await add("before", to: database)
    try await database.write { database in
      let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      try database.execute(sql: "PRAGMA max_page_count = \(pages + 1)")
    }
    let code = await problemCode {
      try await add(String(repeating: "x", count: 100_000), to: database)
    }
    #expect(code == "disk_full")
    #expect(try await texts(database) == ["before"])
    try await database.write { try $0.execute(sql: "PRAGMA max_page_count = 100000") }
    try await add("after", to: database)
    #expect(try await texts(database) == ["before", "after"])
  }

  @Test func `a file that cannot be written is said to be so`() async throws {
    let database = try open()
    try await database.write { try $0.execute(sql: "PRAGMA query_only = ON") }
    #expect(await problemCode { try await add("a", to: database) } == "data_read_only")
  }

  @Test func `after closing every call fails, and closing again is fine`() async throws {
    let database = try open()
    try await database.close()
    try await database.close()
    #expect(await problemCode { try await add("a", to: database) } == "store_closed")
    #expect(await problemCode { _ = try await texts(database) } == "store_closed")
  }

  @Test func `reads do not wait for a write`() async throws {
    let database = try open()
    try await add("a", to: database)
    let (begun, release) = (AsyncStream<Void>.makeStream(), DispatchSemaphore(value: 0))
    async let write: Void = database.write { database in
      try database.execute(sql: "INSERT INTO notes (text) VALUES ('b')")
      begun.continuation.finish()
      release.wait()
    }
    for await _ in begun.stream {}
    #expect(try await texts(database) == ["a"], "what is not committed is not seen")
    release.signal()
    try await write
    #expect(try await texts(database) == ["a", "b"])
  }

  @Test func `closing carries out what was accepted before`() async throws {
    let database = try open()
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          await problemCode { try await add("\(number)", to: database) } == nil
        }
      }
      group.addTask { await problemCode { try await database.close() } == nil }
      return await group.reduce(into: [Bool]()) { $0.append($1) }
    }
    let written = outcomes.filter { $0 }.count - 1
    #expect(try await texts(open()).count == written)
  }

  @Test func `a cancelled task hears what became of its write and its read`() async throws {
    let database = try open()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await add("a", to: database)
      return try await texts(database)
    }
    #expect(try await task.value == ["a"])
  }
}
