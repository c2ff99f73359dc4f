/// What a copy of everything durable consists of.
public struct BackupContents: Hashable, Sendable, Codable {
  /// A file of it.
  public struct File: Hashable, Sendable, Codable {
    /// Where it lies in a data folder: `events.sqlite`, `blobs/sha256/ab/cdef...`.
    public var name: String
    public var sizeBytes: Int
    /// Lowercase hexadecimal.
    public var sha256: String

    public init(name: String, sizeBytes: Int, sha256: String) {
      self.name = name
      self.sizeBytes = sizeBytes
      self.sha256 = sha256
    }
  }

  /// The only format so far.
  public static let format = 1

  public var format: Int
  /// Of this copy; another one has another.
  public var id: String
  public var madeAt: WallInstant
  /// In the order of names.
  public var files: [File]

  public init(id: String, madeAt: WallInstant, files: [File]) {
    format = Self.format
    self.id = id
    self.madeAt = madeAt
    self.files = files
  }

  public var size: ByteCount { ByteCount(bytes: files.reduce(0) { $0 + $1.sizeBytes }) }
}
