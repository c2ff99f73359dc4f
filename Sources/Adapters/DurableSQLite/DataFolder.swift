public import ClusterModel
import Glibc
import Synchronization

/// The folder that holds all data of a program: made when missing, held by one process at a time,
/// marked with its format.
public final class DataFolder: Sendable {
  /// The only format so far.
  public static let format = 1

  /// Where it is, without a slash at the end.
  public let path: String
  private let lock: Mutex<Int32?>

  /// Opens (and makes) the folder and takes its lock, which is held until ``release()`` or until this
  /// value goes. Blocks: for the start of a program.
  ///
  /// - Throws: ``Problem`` `data_folder_in_use`, `data_newer`, `data_corrupt`, or what the disk says.
  public init(_ path: String) throws(Problem) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    try SyncedFile.makeFolder(path)
    let descriptor = try Self.takeLock(path + "/lock")
    do throws(Problem) { try Self.checkFormat(path + "/format") } catch {
      Self.unlock(descriptor)
      throw error
    }
    lock = Mutex(descriptor)
  }

  deinit { release() }

  /// Lets another process have the folder. Whatever is in it must be closed before.
  public func release() {
    lock.withLock { descriptor in
      if let descriptor { Self.unlock(descriptor) }
      descriptor = nil
    }
  }

  /// Unlocks and closes. Closing alone would leave the lock with a child process that is just being
  /// started and still has a copy of the descriptor.
  private static func unlock(_ descriptor: Int32) {
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  private static func takeLock(_ file: String) throws(Problem) -> Int32 {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StorageProblem.from(errno: errno, doing: "open", file: file)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      defer { close(descriptor) }
      guard number == EWOULDBLOCK else {
        throw StorageProblem.from(errno: number, doing: "flock", file: file)
      }
      throw inUse(file, by: holder(descriptor))
    }
    let mine = Array("\(getpid())\n".utf8)
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, mine, mine.count, 0) == mine.count
    else {
      let number = errno
      close(descriptor)
      throw StorageProblem.from(errno: number, doing: "write", file: file)
    }
    return descriptor
  }

  /// The process that wrote its number into the lock file; `nil` when it has not come to it yet.
  private static func holder(_ descriptor: Int32) -> Int? {
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    return text.split(separator: "\n").first.flatMap { Int($0) }
  }

  private static func inUse(_ file: String, by process: Int?) -> Problem {
    let holder = process.map { "process \($0)" } ?? "its process is not known"
    return Problem(
      .conflict, code: "data_folder_in_use",
      "the data folder is used by another program (\(holder))", cause: file,
      next: "Stop that program, or name another folder with --data DIR.")
  }

  private static func checkFormat(_ file: String) throws(Problem) {
    guard let bytes = try SyncedFile.read(file, limit: .kibibytes(4)) else {
      return try SyncedFile.write(
        Array("\(format)\n".utf8), to: file, through: file + ".incoming")
    }
    let text = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first
    guard let found = text.flatMap({ Int($0) }), found > 0 else {
      throw StorageProblem.corrupt(file, "it does not name a format")
    }
    guard found <= format else {
      throw StorageProblem.newer(file, found: found, known: format)
    }
  }
}
