public import ClusterModel
import Glibc

/// Writes files so that nobody ever sees a half-written one.
public enum AtomicFile {
  public enum Existing: Sendable {
    /// A file of that name is replaced, and its permissions are kept.
    case replace
    /// A file of that name is left alone, and the write refused.
    case refuse
  }

  /// Writes into a new file beside `path`, syncs it, and gives it its name.
  ///
  /// - Parameter mode: the permissions of a new file.
  /// - Throws: ``Problem`` with `file_exists` or `file_unwritable`.
  public static func write(
    _ bytes: [UInt8], to path: String, mode: UInt32, existing: Existing
  ) throws(Problem) {
    var template = Array((path + ".XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw unwritable(path, errno) }
    var named = false
    defer {
      close(descriptor)
      if !named { unlink(template) }
    }
    var permissions = mode
    var old = stat()
    if existing == .replace, stat(path, &old) == 0 { permissions = old.st_mode & 0o7777 }
    var code = FileDescriptor.write(bytes, to: descriptor)
    if code == 0, fchmod(descriptor, permissions) != 0 { code = errno }
    if code == 0, fsync(descriptor) != 0 { code = errno }
    guard code == 0 else { throw unwritable(path, code) }
    switch existing {
    case .replace:
      guard rename(template, path) == 0 else { throw unwritable(path, errno) }
      named = true
    case .refuse:
      // Unlike rename, link refuses a name that is taken; the first name goes in `defer`.
      guard link(template, path) == 0 else {
        throw errno == EEXIST ? exists(path) : unwritable(path, errno)
      }
    }
  }

  /// - Throws: ``Problem`` with `file_exists` when there is something at `path`.
  public static func refuseExisting(_ path: String) throws(Problem) {
    var status = stat()
    if lstat(path, &status) == 0 { throw exists(path) }
  }

  private static func exists(_ path: String) -> Problem {
    Problem(
      .conflict, code: "file_exists", "there is a file at \(path) already",
      next: "Choose another place, or move that file away first.")
  }

  private static func unwritable(_ path: String, _ code: Int32) -> Problem {
    Problem(
      .invalidInput, code: "file_unwritable", "\(path) cannot be written",
      cause: SystemError.text(code))
  }
}
