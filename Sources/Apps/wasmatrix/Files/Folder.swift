import ClusterModel
import Glibc

/// Folders of the file system.
enum Folder {
  /// Makes the folder and those it lies in, as far as they are missing.
  ///
  /// - Throws: ``Problem`` with `folder_unusable`.
  static func make(_ path: String, mode: mode_t = 0o755) throws(Problem) {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else { throw unusable(path, ENOTDIR) }
      return
    }
    let parent = FilePath.folder(of: path)
    if parent != path { try make(parent) }
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw unusable(path, errno) }
  }

  private static func unusable(_ path: String, _ code: Int32) -> Problem {
    Problem(
      .invalidInput, code: "folder_unusable", "the folder \(path) cannot be made or used",
      cause: SystemError.text(code))
  }
}

/// Paths as texts.
enum FilePath {
  /// The folder that a file lies in: `.` for a bare name.
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// `path` seen from `folder`.
  static func join(_ folder: String, _ path: String) -> String {
    if path.hasPrefix("/") || folder == "." { return path }
    return folder.hasSuffix("/") ? folder + path : folder + "/" + path
  }
}
