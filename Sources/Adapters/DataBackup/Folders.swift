import ClusterModel
import DurableSQLite
import Glibc

/// The folders that the files of a copy lie in.
enum Folders {
  static func makeFolder(of name: String, in root: String) throws(Problem) {
    guard let slash = name.lastIndex(of: "/") else { return }
    try SyncedFile.makeFolder(root + "/" + name[..<slash])
  }

  /// Makes the names of all files durable.
  static func sync(_ contents: BackupContents, in root: String) throws(Problem) {
    var folders: Set<Substring> = []
    for file in contents.files {
      if let slash = file.name.lastIndex(of: "/") { folders.insert(file.name[..<slash]) }
    }
    for folder in folders.sorted() { try SyncedFile.syncFolder(root + "/" + folder) }
    try SyncedFile.syncFolder(root)
  }

  /// Gives a folder its name, which is free or that of an empty folder.
  static func move(_ from: String, to path: String) throws(Problem) {
    guard rename(from, path) == 0 else {
      throw StorageProblem.from(errno: errno, doing: "rename", file: path)
    }
    let above = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let folder = above.joined(separator: "/")
    try SyncedFile.syncFolder(above.isEmpty ? "." : folder.isEmpty ? "/" : folder)
  }
}
