public import ClusterModel
import Foundation
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

  /// Opens (and makes) the folder and takes its lock, which is held until ``release()`` or until this value goes.
  ///
  /// - Throws: ``Problem`` `data_folder_in_use`, `data_newer`, or what the disk says.
  public init(_ path: String) throws(Problem) {
    self.path = path
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw Problem(
        .unavailable, code: "data_unavailable", "the data folder \(path) cannot be made",
        cause: error.localizedDescription, next: "Name another with --data DIR.")
    }
    let descriptor = try Self.takeLock(path + "/lock")
    do throws(Problem) { try Self.checkFormat(path + "/format") } catch {
      close(descriptor)
      throw error
    }
    lock = Mutex(descriptor)
  }

  deinit { release() }

  /// Lets another process have the folder. Whatever is in it must be closed before.
  public func release() {
    lock.withLock { descriptor in
      if let descriptor { close(descriptor) }
      descriptor = nil
    }
  }

  private static func takeLock(_ file: String) throws(Problem) -> Int32 {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StorageProblem.from(errno: errno, doing: "open", file: file)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      var bytes = [UInt8](repeating: 0, count: 32)
      let count = read(descriptor, &bytes, bytes.count)
      close(descriptor)
      let holder = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
      throw Problem(
        .conflict, code: "data_folder_in_use",
        "the data folder is used by another program (process \(holder))", cause: file,
        next: "Stop that program, or name another folder with --data DIR.")
    }
    let mine = Array("\(getpid())".utf8)
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, mine, mine.count, 0) == mine.count
    else {
      let number = errno
      close(descriptor)
      throw StorageProblem.from(errno: number, doing: "write", file: file)
    }
    return descriptor
  }

  private static func checkFormat(_ file: String) throws(Problem) {
    guard let bytes = FileManager.default.contents(atPath: file) else {
      guard
        FileManager.default.createFile(
          atPath: file, contents: Data("\(format)\n".utf8), attributes: [.posixPermissions: 0o600])
      else { throw StorageProblem.from(errno: errno, doing: "write", file: file) }
      return
    }
    let text = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
    guard let found = Int(text) else {
      throw Problem(
        .internalFault, code: "data_corrupt", "\(file) does not name a format",
        next: "Name another folder with --data DIR, or restore this one from a backup.")
    }
    guard found <= format else { throw newer(file, found, format) }
  }

  /// The refusal of data that a later release wrote.
  static func newer(_ file: String, _ found: Int, _ known: Int) -> Problem {
    Problem(
      .conflict, code: "data_newer",
      "\(file) has format \(found), and this release knows formats up to \(known)",
      next: "Use the release that wrote it, or a newer one.")
  }
}
