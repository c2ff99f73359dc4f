import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import Glibc
import HostPorts
import SQLiteStore
import StorageTesting
import Testing

@Suite struct BlobFolderTests {
  private func digest(_ bytes: [UInt8]) -> ModuleDigest {
    ModuleDigest(sha256: Array(SHA256.hash(data: bytes)))
  }

  private func files(_ path: String) -> [String] {
    (FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []).sorted()
  }

  @Test func `bytes come back as they were, also after opening again`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
    let blobs = try BlobFolder(in: folder)
    try await blobs.put(bytes, digest: digest(bytes))
    try await blobs.put(bytes, digest: digest(bytes))
    #expect(try await BlobFolder(in: folder).get(digest(bytes)) == bytes)
    #expect(await problemCode { _ = try await blobs.get(digest([1])) } == "blob_missing")
  }

  @Test func `damaged bytes are never handed out, and pushing again repairs them`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let bytes = [UInt8](repeating: 7, count: 1000)
    let blobs = try BlobFolder(in: folder)
    try await blobs.put(bytes, digest: digest(bytes))
    let root = temporary.path + "/blobs/sha256/"
    let file = try #require(files(root).first { $0.contains("/") })
    try Data(bytes.dropLast()).write(to: URL(fileURLWithPath: root + file))
    #expect(await problemCode { _ = try await blobs.get(digest(bytes)) } == "blob_corrupt")
    try await blobs.put(bytes, digest: digest(bytes))
    #expect(try await blobs.get(digest(bytes)) == bytes)
  }

  @Test func `what an interrupted write left is removed`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let bytes: [UInt8] = [1, 2, 3]
    try await BlobFolder(in: folder).put(bytes, digest: digest(bytes))
    let root = temporary.path + "/blobs/sha256/"
    let inner = try #require(files(root).first)
    try Data([9]).write(to: URL(fileURLWithPath: root + inner + "/.incoming-x"))
    #expect(try await BlobFolder(in: folder).get(digest(bytes)) == bytes)
    #expect(!files(root).contains { $0.contains(".incoming") })
  }

  @Test func `a file that grew is damaged, and not read into memory`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let bytes: [UInt8] = [1, 2, 3]
    let blobs = try BlobFolder(in: folder)
    try await blobs.put(bytes, digest: digest(bytes))
    let root = temporary.path + "/blobs/sha256/"
    let file = try #require(files(root).first { $0.contains("/") })
    #expect(truncate(root + file, 1 << 40) == 0)
    #expect(await problemCode { _ = try await blobs.get(digest(bytes)) } == "blob_corrupt")
    try await blobs.put(bytes, digest: digest(bytes))
    #expect(try await blobs.get(digest(bytes)) == bytes)
  }

  @Test func `strange files do not keep the store from opening`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    _ = try BlobFolder(in: folder)
    let root = temporary.path + "/blobs/sha256/"
    try Data([9]).write(to: URL(fileURLWithPath: root + ".DS_Store"))
    try Data([9]).write(to: URL(fileURLWithPath: root + "note"))
    #expect(await problemCode { _ = try BlobFolder(in: folder) } == nil)
  }

  @Test func `many put and get at the same time`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let blobs = try BlobFolder(in: folder)
    try await withThrowingTaskGroup { group in
      for number in 0..<64 {
        let bytes = [UInt8](repeating: UInt8(number % 8), count: 10_000)
        group.addTask {
          try await blobs.put(bytes, digest: digest(bytes))
          #expect(try await blobs.get(digest(bytes)) == bytes)
        }
      }
      try await group.waitForAll()
    }
    let root = temporary.path + "/blobs/sha256/"
    #expect(files(root).filter { $0.contains("/") }.count == 8)
    for file in files(root) {
      let name = "blobs/sha256/" + file
      #expect(try temporary.permissions(of: name) == (file.contains("/") ? 0o600 : 0o700))
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible))
  func `a full disk is said, leaves nothing behind, and is no more when there is room`()
    async throws
  {
    let disk = try SmallDisk(kibibytes: 512)
    let folder = try DataFolder(disk.path + "/data")
    let blobs = try BlobFolder(in: folder)
    let large = [UInt8](repeating: 1, count: 1 << 20)
    let small = [UInt8](repeating: 2, count: 1 << 16)
    #expect(await problemCode { try await blobs.put(large, digest: digest(large)) } == "disk_full")
    #expect(!files(disk.path).contains { $0.contains(".incoming") })
    #expect(await problemCode { _ = try await blobs.get(digest(large)) } == "blob_missing")
    try await blobs.put(small, digest: digest(small))
    #expect(try await blobs.get(digest(small)) == small)
    folder.release()
  }
}
