public import ClusterModel
import Dispatch
public import DurableSQLite
import Foundation
import GRDB
public import HostPorts
import Synchronization

/// Copies what is durable in a data folder that is in use. The databases are copied as one reader sees them
/// at one moment; blobs never change, and are read where they lie.
public final class BackupMaker: BackupService {
  private let root: String
  private let clock: any HostClock
  private let foldIn: @Sendable () async throws(Problem) -> Void
  /// Reading and writing disks blocks; one after the other.
  private let queue = DispatchQueue(label: "backup")
  /// The only copy that is kept.
  private let kept = Mutex<BackupContents?>(nil)

  /// The folder of the copies of the databases.
  private static let name = "/backup"

  /// What an earlier run left is removed.
  ///
  /// - Parameter foldIn: brings the file of the event log up to what was accepted; its journal is not copied.
  public init(
    in folder: DataFolder, clock: any HostClock,
    foldIn: @escaping @Sendable () async throws(Problem) -> Void
  ) {
    self.foldIn = foldIn
    root = folder.path
    self.clock = clock
    // If that fails, so will making the next, which says why.
    try? FileManager.default.removeItem(atPath: root + Self.name)
  }

  public func makeBackup() async throws(Problem) -> BackupContents {
    try await foldIn()
    return try await onQueue { () throws(Problem) in
      self.forget()
      do throws(Problem) {
        let contents = try self.make()
        self.kept.withLock { $0 = contents }
        return contents
      } catch {
        self.forget()
        throw error
      }
    }
  }

  public func readBackup(
    _ id: String, file name: String, from offset: Int, atMost count: ByteCount
  ) async throws(Problem) -> [UInt8] {
    try await onQueue { () throws(Problem) in
      guard let contents = self.contents(id), contents.files.contains(where: { $0.name == name })
      else { throw Self.unknown(id) }
      return try FileCopy.read(self.place(of: name), from: offset, atMost: count.bytes)
    }
  }

  public func removeBackup(_ id: String) async throws(Problem) {
    try await onQueue { () throws(Problem) in
      guard self.contents(id) != nil else { throw Self.unknown(id) }
      self.forget()
    }
  }

  private func contents(_ id: String) -> BackupContents? {
    kept.withLock { $0?.id == id ? $0 : nil }
  }

  private static func unknown(_ id: String) -> Problem {
    Problem(
      .notFound, code: "backup_unknown", "there is no such file of a backup \(id.prefix(64))",
      next: "Begin anew: only the newest backup is kept, and only until the server restarts.")
  }

  private func place(of name: String) -> String {
    BackupLayout.databases.contains(name)
      ? root + Self.name + "/" + name : root + "/" + name
  }

  private func make() throws(Problem) -> BackupContents {
    try SyncedFile.makeFolder(root + Self.name)
    for name in BackupLayout.databases { try copy(database: name) }
    // After the catalog: whatever that names is there.
    let names = try BackupLayout.databases + blobs()
    let now = clock.now().wall
    var files: [BackupContents.File] = []
    for name in names.sorted() {
      let (sha256, size) = try FileCopy.read(place(of: name))
      if name.hasPrefix(BackupLayout.blobs), !name.replacing("/", with: "").hasSuffix(sha256) {
        throw StorageProblem.corrupt(root + "/" + name, "it has not the digest of its name")
      }
      files.append(BackupContents.File(name: name, sizeBytes: size, sha256: sha256))
    }
    return BackupContents(
      id: UUID().uuidString.lowercased(), madeAt: now, files: files)
  }

  private func copy(database name: String) throws(Problem) {
    let path = root + "/" + name
    do {
      let database = try DatabaseQueue(path: path)
      // It was only read: an error at closing takes nothing away from the copy.
      defer { try? database.close() }
      try database.writeWithoutTransaction {
        try $0.execute(sql: "VACUUM INTO ?", arguments: [place(of: name)])
      }
    } catch {
      throw StorageProblem.from(error, file: path)
    }
  }

  private func blobs() throws(Problem) -> [String] {
    let folder = root + "/" + BackupLayout.blobs
    do {
      return try FileManager.default.subpathsOfDirectory(atPath: folder)
        .map { BackupLayout.blobs + "/" + $0 }
        .filter(BackupLayout.isKnown)
    } catch {
      throw StorageProblem.from(error, file: folder)
    }
  }

  private func forget() {
    kept.withLock { $0 = nil }
    // What cannot be removed now is in the way of the next, which says so.
    try? FileManager.default.removeItem(atPath: root + Self.name)
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
