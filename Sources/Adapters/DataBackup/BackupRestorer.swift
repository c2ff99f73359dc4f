public import ClusterModel
import DurableSQLite
import Foundation
import GRDB

/// Makes a data folder of a copy. Every call blocks.
public enum BackupRestorer {
  /// Nothing has its place before all of it was compared with the list, and is durable.
  ///
  /// - Parameters:
  ///   - backup: the folder with the copy.
  ///   - target: of the data folder to be; not there yet, or empty.
  ///   - progress: called after each file.
  /// - Throws: ``Problem`` `backup_missing`, `backup_damaged`, `backup_newer`, `restore_not_empty`, or what
  ///   the disk says; then the target is as it was.
  public static func restore(
    from backup: String, to target: String, progress: (BackupContents.File) -> Void = { _ in }
  ) throws(Problem) -> BackupContents {
    let contents = try contents(of: backup)
    // What cannot be listed counts as in use, unless it is not there.
    let there = try? FileManager.default.contentsOfDirectory(atPath: target)
    guard there?.isEmpty ?? !FileManager.default.fileExists(atPath: target) else {
      throw Problem(
        .conflict, code: "restore_not_empty", "\(target) is in use",
        next: "Name a folder that is empty or not there yet with --data DIR.")
    }
    let incoming = target + ".restoring"
    // What an attempt that was broken off left; what stays is in the way below, which says so.
    try? FileManager.default.removeItem(atPath: incoming)
    do throws(Problem) {
      try SyncedFile.makeFolder(incoming)
      for file in contents.files {
        try copy(file, from: backup, to: incoming)
        progress(file)
      }
      for name in BackupLayout.databases { try check(incoming + "/" + name, of: backup) }
      try Folders.sync(contents, in: incoming)
      try Folders.move(incoming, to: target)
    } catch {
      // The error that counts is the first.
      try? FileManager.default.removeItem(atPath: incoming)
      throw error
    }
    return contents
  }

  private static func contents(of backup: String) throws(Problem) -> BackupContents {
    let path = backup + "/" + BackupLayout.contents
    guard let bytes = try SyncedFile.read(path, limit: BackupLayout.longestContents) else {
      throw Problem(
        .invalidInput, code: "backup_missing", "there is no backup at \(backup)", cause: path,
        next: "Name a folder that `wasmatrix backup` has made.")
    }
    let contents: BackupContents
    do { contents = try JSONDecoder().decode(BackupContents.self, from: Data(bytes)) } catch {
      throw BackupLayout.damaged(backup, "its list does not read: \(error)")
    }
    guard contents.format <= BackupContents.format else {
      throw Problem(
        .conflict, code: "backup_newer", "the backup was made by a later release",
        next: "Use that release, or a newer one.")
    }
    let names = Set(contents.files.map(\.name))
    guard names.count == contents.files.count, names.allSatisfy(BackupLayout.isKnown),
      names.isSuperset(of: BackupLayout.databases)
    else { throw BackupLayout.damaged(backup, "its list is not that of a data folder") }
    return contents
  }

  private static func copy(
    _ file: BackupContents.File, from backup: String, to folder: String
  ) throws(Problem) {
    try Folders.makeFolder(of: file.name, in: folder)
    var copy = try FileCopy(to: folder + "/" + file.name)
    try FileCopy.read(backup + "/" + file.name) { bytes throws(Problem) in try copy.write(bytes) }
    let size = copy.size
    guard try copy.finish() == file.sha256, size == file.sizeBytes else {
      throw BackupLayout.damaged(backup, "\(file.name) is not what the list says")
    }
  }

  /// What was copied is what SQLite wrote, but that may have been damaged before.
  private static func check(_ path: String, of backup: String) throws(Problem) {
    let findings: [String]
    do {
      var configuration = Configuration()
      configuration.readonly = true
      let database = try DatabaseQueue(path: path, configuration: configuration)
      // It was only read: an error at closing changes no finding.
      defer { try? database.close() }
      findings = try database.read { try String.fetchAll($0, sql: "PRAGMA integrity_check(10)") }
    } catch {
      throw BackupLayout.damaged(backup, "\(error)")
    }
    guard findings == ["ok"] else {
      throw BackupLayout.damaged(backup, findings.joined(separator: "; "))
    }
  }
}
