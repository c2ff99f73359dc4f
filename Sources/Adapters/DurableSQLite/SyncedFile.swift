public import ClusterModel
import Glibc

/// Files and folders that are on the disk when the call returns. Every call blocks: never to be made
/// on a cooperative thread.
public enum SyncedFile {
  /// Makes a folder, and those it lies in, for nobody but the owner. One that is there stays as it is.
  ///
  /// - Throws: ``Problem`` `data_read_only`, `disk_full`, or what else the disk says.
  public static func makeFolder(_ path: String) throws(Problem) {
    if mkdir(path, 0o700) == 0 { return try syncFolder(parent(of: path)) }
    var number = errno
    let above = parent(of: path)
    if number == ENOENT, above != path {
      try makeFolder(above)
      if mkdir(path, 0o700) == 0 { return try syncFolder(above) }
      number = errno
    }
    guard number == EEXIST else {
      throw StorageProblem.from(errno: number, doing: "mkdir", file: path)
    }
    // Whoever made it may not have come to syncing it; and it may be a file.
    try syncFolder(path)
    try syncFolder(above)
  }

  /// Makes the names in a folder durable.
  public static func syncFolder(_ path: String) throws(Problem) {
    let descriptor = try opened(path, O_RDONLY | O_DIRECTORY)
    defer { close(descriptor) }
    try sync(descriptor, path)
  }

  /// Puts a file in its place, whole or not at all: written under another name, synced, renamed, and
  /// the folder synced. When it fails, the other name is gone again.
  ///
  /// - Parameters:
  ///   - path: replaced when it is there. Nobody but the owner may read it.
  ///   - temporary: the other name; in the same folder.
  public static func write(
    _ bytes: [UInt8], to path: String, through temporary: String
  ) throws(Problem) {
    do throws(Problem) {
      try writeSynced(bytes, temporary)
      guard rename(temporary, path) == 0 else {
        throw StorageProblem.from(errno: errno, doing: "rename", file: path)
      }
    } catch {
      unlink(temporary)
      throw error
    }
    try syncFolder(parent(of: path))
  }

  /// All bytes of a file; `nil` when there is none.
  ///
  /// - Throws: ``Problem`` `data_corrupt` when it is longer than `limit`.
  public static func read(_ path: String, limit: ByteCount) throws(Problem) -> [UInt8]? {
    guard let descriptor = try openedIfThere(path, O_RDONLY) else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw StorageProblem.from(errno: errno, doing: "fstat", file: path)
    }
    guard status.st_size <= limit.bytes else {
      throw StorageProblem.corrupt(path, "it is longer than \(limit)")
    }
    var failure: Int32?
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
      while count < buffer.count {
        let read = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if read < 0 && errno == EINTR { continue }
        if read < 0 { failure = errno }
        guard read > 0 else { break }
        count += read
      }
    }
    if let failure { throw StorageProblem.from(errno: failure, doing: "read", file: path) }
    return bytes
  }

  private static func writeSynced(_ bytes: [UInt8], _ path: String) throws(Problem) {
    let descriptor = try opened(path, O_WRONLY | O_CREAT | O_TRUNC)
    defer { close(descriptor) }
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress! + offset, buffer.count - offset)
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw StorageProblem.from(errno: errno, doing: "write", file: path)
      }
      offset += count
    }
    try sync(descriptor, path)
  }

  private static func sync(_ descriptor: Int32, _ path: String) throws(Problem) {
    while fsync(descriptor) != 0 {
      guard errno == EINTR else {
        throw StorageProblem.from(errno: errno, doing: "fsync", file: path)
      }
    }
  }

  private static func opened(_ path: String, _ flags: Int32) throws(Problem) -> Int32 {
    guard let descriptor = try openedIfThere(path, flags) else {
      throw StorageProblem.from(errno: ENOENT, doing: "open", file: path)
    }
    return descriptor
  }

  private static func openedIfThere(_ path: String, _ flags: Int32) throws(Problem) -> Int32? {
    while true {
      let descriptor = open(path, flags | O_CLOEXEC, 0o600)
      if descriptor >= 0 { return descriptor }
      switch errno {
      case EINTR: continue
      case ENOENT: return nil
      case let number: throw StorageProblem.from(errno: number, doing: "open", file: path)
      }
    }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
