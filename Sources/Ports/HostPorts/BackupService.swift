public import ClusterModel

/// Copies of everything durable, made while it is in use.
public protocol BackupService: Sendable {
  /// Makes a copy of all that is durable when this is called, or later. It is kept until it is removed or
  /// another is made.
  ///
  /// - Throws: ``Problem`` `disk_full`, `data_corrupt`, or what else the disk says; then nothing is kept.
  func makeBackup() async throws(Problem) -> BackupContents
  /// Bytes of a file of a copy, from an offset on; fewer than asked for at its end.
  ///
  /// - Throws: ``Problem`` `backup_unknown`: it is not kept any more, or has no such file.
  func readBackup(
    _ id: String, file name: String, from offset: Int, atMost count: ByteCount
  ) async throws(Problem) -> [UInt8]
  /// Gives back the room that it takes.
  func removeBackup(_ id: String) async throws(Problem)
}
