public import ClusterModel
import Crypto
import Dispatch
public import DurableSQLite
import Foundation
public import HostPorts

/// The bytes of modules as files named after their digest: `sha256/ab/cdef...`. A file is written
/// beside its place, synced, renamed, and its folder synced, so that under a name there is all of a
/// module or nothing.
public final class BlobFolder: BlobStore {
  private let root: String
  /// Disk calls block: never on a cooperative thread. One after the other, so that what is read to
  /// compare is never half of what another call writes, and memory holds one module at a time.
  private let queue = DispatchQueue(label: "blobs")
  private static let temporaryPrefix = ".incoming-"
  /// Nothing longer is ever put; a longer file is damaged, and is not read into memory.
  private static let maximumSize = ByteCount.gibibytes(1)

  /// Opens (and makes) the blobs of a data folder; what an interrupted write left is removed. Blocks:
  /// for the start of a program.
  ///
  /// - Throws: ``Problem`` `data_read_only`, `disk_full`, or what else the disk says.
  public init(in folder: DataFolder) throws(Problem) {
    root = folder.path + "/blobs/sha256"
    try SyncedFile.makeFolder(root)
    do {
      for name in try FileManager.default.contentsOfDirectory(atPath: root)
      where name.utf8.count == 2 && Hexadecimal.decode(name) != nil {
        try Self.removeLeftovers(root + "/" + name)
      }
    } catch {
      throw StorageProblem.from(error, file: root)
    }
  }

  /// - Throws: ``Problem`` `disk_full`, or what else the disk says; then nothing is kept.
  public func put(_ bytes: [UInt8], digest: ModuleDigest) async throws(Problem) {
    guard bytes.count <= Self.maximumSize.bytes else {
      throw Problem(
        .tooLarge, code: "module_too_large", "the module is longer than \(Self.maximumSize)",
        next: "Make it smaller.")
    }
    try await onQueue { () throws(Problem) in try self.write(bytes, digest) }
  }

  public func get(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    let path = place(of: digest).file
    return try await onQueue { () throws(Problem) in
      guard let bytes = try Self.read(path, digest) else {
        throw Problem(
          .notFound, code: "blob_missing", "the code of \(digest.short) is not in the store",
          cause: path, next: "Push the version again.")
      }
      guard ModuleDigest(sha256: Array(SHA256.hash(data: bytes))) == digest else {
        throw Self.corrupt(digest, path)
      }
      return bytes
    }
  }

  private func place(of digest: ModuleDigest) -> (folder: String, file: String) {
    let name = digest.hexadecimal
    let folder = root + "/" + name.prefix(2)
    return (folder, folder + "/" + name.dropFirst(2))
  }

  private func write(_ bytes: [UInt8], _ digest: ModuleDigest) throws(Problem) {
    let (folder, file) = place(of: digest)
    try SyncedFile.makeFolder(folder)
    // What is damaged is written anew.
    let there = try? Self.read(file, digest)
    // Whoever renamed it may have failed to sync the folder.
    if there == bytes { return try SyncedFile.syncFolder(folder) }
    try SyncedFile.write(
      bytes, to: file, through: "\(folder)/\(Self.temporaryPrefix)\(UUID().uuidString)")
  }

  /// `nil` when there is no such file.
  private static func read(_ path: String, _ digest: ModuleDigest) throws(Problem) -> [UInt8]? {
    do { return try SyncedFile.read(path, limit: maximumSize) } catch {
      throw error.code == "data_corrupt" ? corrupt(digest, path) : error
    }
  }

  private static func corrupt(_ digest: ModuleDigest, _ path: String) -> Problem {
    Problem(
      .internalFault, code: "blob_corrupt", "the code of \(digest.short) is damaged on disk",
      cause: path, next: "Push the version again: that repairs it.")
  }

  private static func removeLeftovers(_ folder: String) throws {
    for file in try FileManager.default.contentsOfDirectory(atPath: folder)
    where file.hasPrefix(temporaryPrefix) {
      try FileManager.default.removeItem(atPath: folder + "/" + file)
    }
  }

  private func onQueue<Value: Sendable>(
    _ body: @escaping @Sendable () throws(Problem) -> Value
  ) async throws(Problem) -> Value {
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      queue.async {
        continuation.resume(returning: Result { () throws(Problem) in try body() })
      }
    }
    return try result.get()
  }
}
