import Glibc

/// The system's errors, for people.
public enum SystemError {
  /// What the system calls an `errno`: `No such file or directory`.
  public static func text(_ code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }
}
