import ClusterModel
import Dispatch
import GRDB
import StorageTesting
import Synchronization
import Testing

@testable import DurableSQLite

@Suite struct GroupCommitterTests {
  private let temporary: TemporaryFolder
  private let folder: DataFolder
  private let pool: DatabasePool
  private let committer: GroupCommitter

  init() throws {
    temporary = TemporaryFolder()
    folder = try DataFolder(temporary.path)
    pool = try DatabasePool(path: folder.path + "/group.sqlite")
    committer = GroupCommitter(pool: pool, file: "group.sqlite")
    try pool.write {
      try $0.execute(
        sql: """
          CREATE TABLE parents (id INTEGER PRIMARY KEY);
          CREATE TABLE numbers (
            number INTEGER PRIMARY KEY,
            parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
          """)
    }
  }

  /// Runs `writes` as tasks that gather while the writer is held up, so that they make one group. The
  /// codes of their problems, sorted by task.
  private func together(
    _ writes: [@Sendable (Database) throws -> Void]
  ) async -> [String?] {
    let (release, committer) = (DispatchSemaphore(value: 0), committer)
    let isHeldUp = Flag()
    return await withTaskGroup(of: (Int, String?).self) { group in
      group.addTask {
        let code = await problemCode {
          try await committer.write(cost: 0) { _ in
            isHeldUp.raise()
            release.wait()
          }
        }
        return (-1, code)
      }
      // Before that, others would get into the group of this one.
      await wait { isHeldUp.isRaised }
      for (index, write) in writes.enumerated() {
        group.addTask { (index, await problemCode { try await committer.write(cost: 0, write) }) }
      }
      await wait { committer.unfinished == writes.count + 1 }
      release.signal()
      var codes = [String?](repeating: nil, count: writes.count)
      for await (index, code) in group where index >= 0 { codes[index] = code }
      return codes
    }
  }

  private func wait(until condition: @Sendable () -> Bool) async {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() && ContinuousClock.now < deadline { await Task.yield() }
    #expect(condition(), "it did not come to that in time")
  }

  private func insert(_ number: Int) -> @Sendable (Database) throws -> Void {
    { try $0.execute(sql: "INSERT INTO numbers VALUES (?, NULL)", arguments: [number]) }
  }

  private func numbers() throws -> [Int] {
    try pool.read { try Int.fetchAll($0, sql: "SELECT number FROM numbers ORDER BY number") }
  }

  @Test func `writes that wait together are committed together`() async throws {
    let codes = await together((0..<400).map { insert($0) })
    #expect(codes.allSatisfy { $0 == nil })
    #expect(try numbers() == Array(0..<400))
    #expect(committer.commits == 2, "one of them is the write that held the writer up")
  }

  @Test func `a write that fails does not undo its neighbours`() async throws {
    var writes = (0..<20).map { insert($0) }
    writes[7] = { database in
      try database.execute(sql: "INSERT INTO numbers VALUES (700, NULL)")
      throw Problem(.conflict, code: "mine", "no")
    }
    writes[9] = insert(3)
    let codes = await together(writes)
    // Who comes first in a group is not said: one of the two equal numbers loses.
    #expect(codes[7] == "mine")
    #expect([codes[3], codes[9]].compactMap { $0 } == ["data_failed"])
    #expect(codes.compactMap { $0 }.count == 2)
    #expect(try numbers() == Array(0..<20).filter { $0 != 7 && $0 != 9 })
  }

  @Test func `a commit that fails fails all of its group, and the next one works`() async throws {
    var writes = (0..<20).map { insert($0) }
    writes[7] = { try $0.execute(sql: "INSERT INTO numbers VALUES (7, 1)") }
    let codes = await together(writes)
    #expect(codes == [String?](repeating: "data_failed", count: 20))
    #expect(try numbers() == [])
    #expect(await together([insert(100)]) == [nil])
  }

  @Test func `a transaction that SQLite gives up fails all of it, and the next one works`()
    async throws
  {
    var writes = (0..<20).map { insert($0) }
    writes[7] = { database in
      try database.execute(sql: "ROLLBACK")
      throw DatabaseError(resultCode: .SQLITE_FULL)
    }
    let codes = await together(writes)
    #expect(codes == [String?](repeating: "disk_full", count: 20))
    #expect(try numbers() == [])
    #expect(await together([insert(100)]) == [nil])
  }

  @Test func `what waits is bounded in bytes`() async throws {
    let (release, committer) = (DispatchSemaphore(value: 0), committer)
    async let large: Void = committer.write(cost: 200 << 20) { _ in release.wait() }
    await wait { committer.unfinished == 1 }
    let code = await problemCode { try await committer.write(cost: 100 << 20) { _ in } }
    #expect(code == "store_busy")
    async let small: Void = committer.write(cost: 10) { _ in }
    await wait { committer.unfinished == 2 }
    release.signal()
    try await large
    try await small
    try await committer.write(cost: 500 << 20) { _ in }
  }
}

private final class Flag: Sendable {
  private let raised = Atomic<Bool>(false)
  var isRaised: Bool { raised.load(ordering: .acquiring) }
  func raise() { raised.store(true, ordering: .releasing) }
}
