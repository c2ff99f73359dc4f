public import ClusterModel
import Glibc

/// Reads files and standard input whole, up to a limit.
public enum BoundedFile {
  /// - Parameters:
  ///   - role: what the file should be, for messages: "module".
  /// - Throws: ``Problem`` with `file_missing`, `file_unreadable` or `file_too_large`.
  public static func read(_ path: String, role: String, limit: ByteCount) throws(Problem) -> [UInt8]
  {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path, role, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, role, errno) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw unreadable(path, role, EISDIR) }
    return try readToEnd(descriptor, name: path, role: role, limit: limit)
  }

  /// Whether there is something at `path` that this process can see.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Everything on standard input.
  public static func readStandardInput(role: String, limit: ByteCount) throws(Problem) -> [UInt8] {
    try readToEnd(STDIN_FILENO, name: "standard input", role: role, limit: limit)
  }

  private static func readToEnd(
    _ descriptor: Int32, name: String, role: String, limit: ByteCount
  ) throws(Problem) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw unreadable(name, role, errno)
      }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit.bytes else {
        throw Problem(
          .tooLarge, code: "file_too_large", "the \(role) \(name) is larger than \(limit)",
          next: "The most that is allowed is \(limit).")
      }
    }
  }

  private static func unreadable(_ name: String, _ role: String, _ code: Int32) -> Problem {
    if code == ENOENT {
      return Problem(
        .invalidInput, code: "file_missing", "there is no \(role) at \(name)",
        next: "Check the path.")
    }
    return Problem(
      .invalidInput, code: "file_unreadable", "the \(role) \(name) cannot be read",
      cause: SystemError.text(code))
  }
}
