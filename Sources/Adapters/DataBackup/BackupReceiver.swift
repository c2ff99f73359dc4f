public import ClusterModel
import DurableSQLite
import Foundation

/// Writes a copy into a folder of its own, as it comes from a server. The folder has its name when all of it
/// is there, compared and durable; until then it is called `NAME.partial`. Every call blocks.
public struct BackupReceiver {
  private let path: String
  private let contents: BackupContents
  private var partial: String { path + ".partial" }

  /// - Parameter path: of the folder; nothing may be there.
  /// - Throws: ``Problem`` `backup_exists`, or what the disk says.
  public init(_ contents: BackupContents, to path: String) throws(Problem) {
    guard !FileManager.default.fileExists(atPath: path) else {
      throw Problem(
        .conflict, code: "backup_exists", "there is something at \(path) already",
        next: "Name a folder that is not there yet.")
    }
    guard contents.files.allSatisfy({ BackupLayout.isKnown($0.name) }) else {
      throw BackupLayout.damaged(path, "it names files that do not belong to a data folder")
    }
    self.path = path
    self.contents = contents
    // What an attempt that was broken off left; what stays is in the way below, which says so.
    try? FileManager.default.removeItem(atPath: partial)
    try SyncedFile.makeFolder(partial)
  }

  /// Takes in a file.
  ///
  /// - Parameter next: its bytes from an offset on; none at its end.
  public func receive(
    _ file: BackupContents.File, _ next: (Int) async throws(Problem) -> [UInt8]
  ) async throws(Problem) {
    try Folders.makeFolder(of: file.name, in: partial)
    var copy = try FileCopy(to: partial + "/" + file.name)
    while copy.size < file.sizeBytes {
      let bytes = try await next(copy.size)
      guard !bytes.isEmpty, copy.size + bytes.count <= file.sizeBytes else {
        throw BackupLayout.damaged(file.name, "it has not \(file.sizeBytes) bytes")
      }
      try copy.write(bytes)
    }
    guard try copy.finish() == file.sha256 else {
      throw BackupLayout.damaged(file.name, "it has another digest than it should")
    }
  }

  /// All files are there.
  public func finish() throws(Problem) {
    let list: Data
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
      list = try encoder.encode(contents)
    } catch {
      throw StorageProblem.from(error, file: path)
    }
    try SyncedFile.write(
      Array(list), to: partial + "/" + BackupLayout.contents,
      through: partial + "/" + BackupLayout.contents + ".incoming")
    try Folders.sync(contents, in: partial)
    try Folders.move(partial, to: path)
  }
}
