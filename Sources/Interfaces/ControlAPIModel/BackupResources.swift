public import ClusterModel

/// A copy of everything durable: the files to be fetched.
public typealias BackupResource = BackupContents

extension APILimits {
  /// The most of a file of a backup in one answer.
  public static let backupPiece = ByteCount.mebibytes(4)
}
