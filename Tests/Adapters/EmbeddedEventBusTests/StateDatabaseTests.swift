import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import Foundation
import HostPorts
import StorageTesting
import StoreConformance
import Testing

@Suite struct StateDatabaseTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)
  private let bucket = Bucket(name: BucketName(unchecked: "b"))

  private static func open(
    _ temporary: TemporaryFolder
  ) throws -> StateStoreConformance.Subject {
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    return StateStoreConformance.Subject(
      store: log.state,
      reopen: {
        try await log.close()
        folder.release()
        return try open(temporary)
      })
  }

  @Test func `it does what every state store must`() async throws {
    try await StateStoreConformance { try Self.open(TemporaryFolder()) }.check()
  }

  private func key(_ text: String) -> StateKey { StateKey(unchecked: text) }

  private func set(_ key: String, _ value: String) -> StateWrite {
    StateWrite(bucket: bucket.name, key: self.key(key), action: .set(Array(value.utf8)))
  }

  private func with(
    _ body: (StateDatabase, TemporaryFolder) async throws -> Void
  ) async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    try await log.state.declare(bucket)
    try await body(log.state, temporary)
    try await log.close()
    folder.release()
  }

  @Test func `writers who compare and set never lose each other's changes`() async throws {
    try await with { store, _ in
      let counter = key("counter")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            for _ in 0..<20 {
              while true {
                let present = try await store.get(
                  counter, in: bucket.name, of: .default, at: now)
                let count = Int(String(decoding: present?.value ?? [], as: UTF8.self)) ?? 0
                let write = StateWrite(
                  bucket: bucket.name, key: counter, action: .set(Array("\(count + 1)".utf8)),
                  condition: present.map { .unchanged(since: $0.revision) } ?? .absent)
                if await problemCode({
                  _ = try await store.write([write], in: .default, at: now)
                }) == nil {
                  break
                }
              }
            }
          }
        }
        try await group.waitForAll()
      }
      let end = try await store.get(counter, in: bucket.name, of: .default, at: now)
      #expect(end.map { String(decoding: $0.value, as: UTF8.self) } == "160")
    }
  }

  @Test func `who watches hears that something was written, and ends with the store`() async throws
  {
    try await with { store, _ in
      var signs = store.signs(of: bucket.name, in: .default).makeAsyncIterator()
      _ = try await store.write([set("a", "1")], in: .default, at: now)
      #expect(await signs.next() != nil)
      let changes = try await store.changes(
        in: bucket.name, of: .default, prefix: "", after: nil, limit: 10)
      #expect(changes.map(\.key.text) == ["a"])
    }
  }

  @Test func `deletions that are no longer remembered are no silent gap`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, rememberedDeletions: 20)
    try await log.state.declare(bucket)
    let first = try await log.state.write([set("first", "1")], in: .default, at: now)[0]
    for number in 0..<50 {
      _ = try await log.state.write(
        [
          set("key-\(number)", "x"),
          StateWrite(bucket: bucket.name, key: key("key-\(number)"), action: .delete),
        ], in: .default, at: now)
    }
    let code = await problemCode {
      _ = try await log.state.changes(
        in: bucket.name, of: .default, prefix: "", after: first, limit: 10)
    }
    #expect(code == "revision_too_old")
    let remembered = try await log.state.changes(
      in: bucket.name, of: .default, prefix: "", after: StateRevision(70), limit: 100)
    #expect(remembered.count == 16 && remembered.allSatisfy { $0.entry == nil })
    let left = try await log.state.list(
      bucket.name, of: .default, prefix: "", after: nil, limit: 10, at: now)
    #expect(left.map(\.key.text) == ["first"])
    try await log.close()
    folder.release()
  }

  @Test func `a value that was damaged on the disk is reported, and never served`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let value = "the value that will be damaged"
    let log = try EventDatabase(in: folder)
    try await log.state.declare(bucket)
    _ = try await log.state.write(
      [set("a", value), set("b", "sound")], in: .default, at: now)
    try await log.close()
    folder.release()
    let path = temporary.path + "/events.sqlite"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let place = try #require(bytes.range(of: Data(value.utf8)))
    try temporary.overwrite("events.sqlite", at: place.lowerBound, with: Array("THE".utf8))
    let again = try DataFolder(temporary.path)
    let damaged = try EventDatabase(in: again)
    let code = await problemCode {
      _ = try await damaged.state.get(key("a"), in: bucket.name, of: .default, at: now)
    }
    #expect(code == "data_corrupt")
    let sound = try await damaged.state.get(key("b"), in: bucket.name, of: .default, at: now)
    #expect(sound?.value == Array("sound".utf8))
    try await damaged.close()
    again.release()
  }

  @Test func `a bucket keeps its consistency, and may change its limits`() async throws {
    try await with { store, _ in
      var changed = bucket
      changed.maximumValue = ByteCount(bytes: 2)
      try await store.declare(changed)
      #expect(
        await problemCode { _ = try await store.write([set("a", "123")], in: .default, at: now) }
          == "value_too_large")
      changed.consistency = .cached(staleness: .seconds(1))
      #expect(await problemCode { try await store.declare(changed) } == "bucket_consistency")
      #expect(try await store.buckets(in: .default).map(\.bucket.maximumValue.bytes) == [2])
    }
  }
}
