public import ClusterModel
import Glibc

/// Folders of the file system.
public enum Folder {
  /// Makes the folder and those it lies in, as far as they are missing.
  ///
  /// - Throws: ``Problem`` with `folder_unusable`.
  public static func make(_ path: String, mode: UInt32 = 0o755) throws(Problem) {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else { throw unusable(path, ENOTDIR) }
      return
    }
    let parent = FilePath.folder(of: path)
    if parent != path { try make(parent) }
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw unusable(path, errno) }
  }

  /// Whether `path` is a folder that this process may write in.
  public static func isUsable(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    return status.st_mode & S_IFMT == S_IFDIR && access(path, W_OK) == 0
  }

  private static func unusable(_ path: String, _ code: Int32) -> Problem {
    Problem(
      .invalidInput, code: "folder_unusable", "the folder \(path) cannot be made or used",
      cause: SystemError.text(code))
  }
}
