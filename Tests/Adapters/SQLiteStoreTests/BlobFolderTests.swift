import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import HostPorts
import SQLiteStore
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
    temporary.remove()
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
    temporary.remove()
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
    temporary.remove()
  }
}
