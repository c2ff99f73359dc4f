import ClusterModel

/// What a data folder holds that must not be lost. Keys are not part of it: a copy is less well guarded
/// than they must be. Neither is what can be made again, like compiled code.
enum BackupLayout {
  /// Copied in this order: a delivery whose module was undeployed meanwhile is put aside, but one of a
  /// module that is not there yet would be, too.
  static let databases = ["events.sqlite", "catalog.sqlite"]
  static let blobs = "blobs/sha256"
  /// The list of its files, in a folder that holds a copy. It is written last.
  static let contents = "backup.json"
  /// Longer than the list of a million files.
  static let longestContents = ByteCount.mebibytes(256)

  /// Whether a copy may have such a file: whatever else a list names does not get to the disk.
  static func isKnown(_ name: String) -> Bool {
    if databases.contains(name) { return true }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "blobs", parts[1] == "sha256" else { return false }
    return parts[2].utf8.count == 2 && parts[3].utf8.count == 62
      && (parts[2] + parts[3]).utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
      }
  }

  /// The problem of what does not add up.
  static func damaged(_ path: String, _ cause: String) -> Problem {
    Problem(
      .invalidInput, code: "backup_damaged", "the backup \(path) is damaged", cause: cause,
      next: "Use another backup.")
  }
}
