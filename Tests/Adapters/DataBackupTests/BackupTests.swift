import ClusterModel
import Crypto
import DurableSQLite
import EmbeddedEventBus
import Foundation
import HostPorts
import SQLiteStore
import StorageTesting
import Testing

@testable import DataBackup

@Suite struct BackupTests {
  private struct FixedClock: HostClock {
    func now() -> Instants {
      Instants(
        monotonic: MonotonicInstant(nanoseconds: 1), wall: WallInstant(microseconds: 1_000_000))
    }
  }

  private let folder = TemporaryFolder()
  private let copy = TemporaryFolder()
  private let target = TemporaryFolder()
  private let now = WallInstant(microseconds: 2_000_000)
  private let module = Array("a module".utf8)
  private var digest: ModuleDigest { ModuleDigest(sha256: Array(SHA256.hash(data: module))) }

  /// Runs `body` while a data folder with something in it is in use.
  private func run(
    _ body: (BackupMaker, EventDatabase) async throws -> Void
  ) async throws {
    let data = try DataFolder(folder.path)
    let catalog = try CatalogDatabase(in: data)
    let blobs = try BlobFolder(in: data)
    let events = try EventDatabase(in: data)
    try await blobs.put(module, digest: digest)
    try await events.state.declare(Bucket(name: BucketName("b")))
    try await set("k", "before", in: events)
    let maker = BackupMaker(in: data, clock: FixedClock()) { () async throws(Problem) in
      try await events.foldIn()
    }
    try await body(maker, events)
    try await events.close()
    try await catalog.close()
  }

  private func set(_ key: String, _ value: String, in events: EventDatabase) async throws {
    _ = try await events.state.write(
      [
        StateWrite(
          bucket: BucketName("b"), key: StateKey(key), action: .set(Array(value.utf8)))
      ], in: .default, at: now)
  }

  private func fetch(_ contents: BackupContents, _ maker: BackupMaker) async throws {
    let receiver = try BackupReceiver(contents, to: copy.path)
    for file in contents.files {
      try await receiver.receive(file) { offset throws(Problem) in
        try await maker.readBackup(
          contents.id, file: file.name, from: offset, atMost: .kibibytes(3))
      }
    }
    try receiver.finish()
  }

  @Test func `what was durable is there again, and what came later is not`() async throws {
    try await run { maker, events in
      let contents = try await maker.makeBackup()
      try await set("k", "after", in: events)
      try await fetch(contents, maker)
      try await maker.removeBackup(contents.id)
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/backup"))
    }
    let contents = try BackupRestorer.restore(from: copy.path, to: target.path)
    #expect(contents.files.count == 3)
    let data = try DataFolder(target.path)
    let events = try EventDatabase(in: data)
    let entry = try await events.state.get(
      StateKey("k"), in: BucketName("b"), of: .default, at: now)
    #expect(entry?.value == Array("before".utf8))
    let blob = try await BlobFolder(in: data).get(digest)
    #expect(blob == module)
    try await CatalogDatabase(in: data).close()
    try await events.close()
  }

  @Test func `only the newest backup is kept, and only its own files are read`() async throws {
    try await run { maker, _ in
      let first = try await maker.makeBackup()
      let second = try await maker.makeBackup()
      for (id, name) in [
        (first.id, "events.sqlite"), (second.id, "../lock"), (second.id, "lock"), ("", ""),
      ] {
        await #expect(throws: Problem.self) {
          try await maker.readBackup(id, file: name, from: 0, atMost: .kibibytes(1))
        }
      }
    }
  }

  @Test func `a backup that is not whole is not restored`() async throws {
    try await run { maker, _ in try await fetch(try await maker.makeBackup(), maker) }
    let damage: [(String) throws -> Void] = [
      { path in
        let file = path + "/events.sqlite"
        var bytes = try Data(contentsOf: URL(filePath: file))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(filePath: file))
      },
      { try FileManager.default.removeItem(atPath: $0 + "/catalog.sqlite") },
      { try Data("{}".utf8).write(to: URL(filePath: $0 + "/backup.json")) },
      { path in
        let file = URL(filePath: path + "/backup.json")
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        try Data(text.replacing("catalog.sqlite", with: "../catalog.sqlite").utf8).write(to: file)
      },
      { try FileManager.default.removeItem(atPath: $0 + "/backup.json") },
    ]
    for harm in damage {
      let harmed = TemporaryFolder()
      try FileManager.default.copyItem(atPath: copy.path, toPath: harmed.path)
      try harm(harmed.path)
      #expect(throws: Problem.self) {
        try BackupRestorer.restore(from: harmed.path, to: target.path)
      }
      #expect(!FileManager.default.fileExists(atPath: target.path))
      #expect(!FileManager.default.fileExists(atPath: target.path + ".restoring"))
    }
    _ = try BackupRestorer.restore(from: copy.path, to: target.path)
  }

  @Test func `nothing that is there is written over`() async throws {
    try await run { maker, _ in
      let contents = try await maker.makeBackup()
      try await fetch(contents, maker)
      #expect(throws: Problem.self) { try BackupReceiver(contents, to: copy.path) }
    }
    #expect(throws: Problem.self) {
      try BackupRestorer.restore(from: copy.path, to: folder.path)
    }
    try FileManager.default.createDirectory(
      atPath: target.path, withIntermediateDirectories: true)
    _ = try BackupRestorer.restore(from: copy.path, to: target.path)
  }

  @Test func `a server that sends something else is found out`() async throws {
    try await run { maker, _ in
      let contents = try await maker.makeBackup()
      let receiver = try BackupReceiver(contents, to: copy.path)
      for wrong in [[UInt8](), [1, 2, 3], [UInt8](repeating: 0, count: 1 << 20)] {
        await #expect(throws: Problem.self) {
          try await receiver.receive(contents.files[0]) { offset throws(Problem) in
            offset == 0 ? wrong : []
          }
        }
        try? FileManager.default.removeItem(
          atPath: copy.path + ".partial/" + contents.files[0].name)
      }
      var strange = contents
      strange.files[0].name = "/etc/passwd"
      #expect(throws: Problem.self) { try BackupReceiver(strange, to: target.path) }
      try? FileManager.default.removeItem(atPath: copy.path + ".partial")
    }
  }

  @Test func `a damaged database is not copied as if it were whole`() async throws {
    try await run { maker, events in
      for number in 0..<400 {
        try await set("k\(number)", String(repeating: "v", count: 200), in: events)
      }
    }
    let file = URL(filePath: folder.path + "/events.sqlite")
    var bytes = try Data(contentsOf: file)
    for place in stride(from: 4096 * 3, to: bytes.count, by: 4096) {
      bytes.replaceSubrange(place..<place + 64, with: Data(repeating: 0xff, count: 64))
    }
    try bytes.write(to: file)
    let data = try DataFolder(folder.path)
    let maker = BackupMaker(in: data, clock: FixedClock()) {}
    await #expect(throws: Problem.self) { try await maker.makeBackup() }
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/backup"))
  }
}
