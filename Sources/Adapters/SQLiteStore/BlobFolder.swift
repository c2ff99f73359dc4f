public import ClusterModel
import Crypto
import Dispatch
public import DurableSQLite
import Foundation
import Glibc
public import HostPorts

/// The bytes of modules as files named after their digest: `sha256/ab/cdef...`. A file is written
/// beside its place, synced, renamed, and its folder synced, so that under a name there is all of a
/// module or nothing.
public final class BlobFolder: BlobStore {
  private let root: String
  /// Disk calls block: never on a cooperative thread.
  private let queue = DispatchQueue(label: "blobs", attributes: .concurrent)
  private static let temporaryPrefix = ".incoming-"

  /// Opens (and makes) the blobs of a data folder; what an interrupted write left is removed.
  public init(in folder: DataFolder) throws(Problem) {
    root = folder.path + "/blobs/sha256"
    do {
      try FileManager.default.createDirectory(
        atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      for name in try FileManager.default.contentsOfDirectory(atPath: root) {
        let inner = root + "/" + name
        for file in try FileManager.default.contentsOfDirectory(atPath: inner)
        where file.hasPrefix(Self.temporaryPrefix) {
          try FileManager.default.removeItem(atPath: inner + "/" + file)
        }
      }
    } catch {
      throw StorageProblem.from(error, file: root)
    }
    for path in [folder.path, folder.path + "/blobs"] { try Self.syncFolder(path) }
  }

  public func put(_ bytes: [UInt8], digest: ModuleDigest) async throws(Problem) {
    try await onQueue { () throws(Problem) in try self.write(bytes, digest) }
  }

  public func get(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    let path = place(of: digest).file
    return try await onQueue { () throws(Problem) in
      guard let contents = FileManager.default.contents(atPath: path) else {
        throw Problem(
          .notFound, code: "blob_missing", "the code of \(digest.short) is not in the store",
          cause: path, next: "Push the version again.")
      }
      let bytes = [UInt8](contents)
      guard ModuleDigest(sha256: Array(SHA256.hash(data: bytes))) == digest else {
        throw Problem(
          .internalFault, code: "blob_corrupt", "the code of \(digest.short) is damaged on disk",
          cause: path, next: "Remove that file and push the version again.")
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
    if let there = FileManager.default.contents(atPath: file), there.elementsEqual(bytes) { return }
    if mkdir(folder, 0o700) == 0 {
      try Self.syncFolder(root)
    } else if errno != EEXIST {
      throw StorageProblem.from(errno: errno, doing: "mkdir", file: folder)
    }
    let temporary = "\(folder)/\(Self.temporaryPrefix)\(UUID().uuidString)"
    do throws(Problem) {
      try Self.writeSynced(bytes, temporary)
      guard rename(temporary, file) == 0 else {
        throw StorageProblem.from(errno: errno, doing: "rename", file: file)
      }
      try Self.syncFolder(folder)
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private static func writeSynced(_ bytes: [UInt8], _ path: String) throws(Problem) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StorageProblem.from(errno: errno, doing: "open", file: path)
    }
    defer { close(descriptor) }
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress.map { $0 + offset }, bytes.count - offset)
      }
      guard count >= 0 || errno == EINTR else {
        throw StorageProblem.from(errno: errno, doing: "write", file: path)
      }
      offset += max(count, 0)
    }
    guard fsync(descriptor) == 0 else {
      throw StorageProblem.from(errno: errno, doing: "fsync", file: path)
    }
  }

  private static func syncFolder(_ path: String) throws(Problem) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw StorageProblem.from(errno: errno, doing: "open", file: path)
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw StorageProblem.from(errno: errno, doing: "fsync", file: path)
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
