import Glibc
import LocalSystem

/// Standard output: results only, written at once.
enum StandardOutput {
  /// A closed pipe is then an error of the write instead of the sudden end of the program.
  static func ignoreBrokenPipes() {
    signal(SIGPIPE, SIG_IGN)
  }

  /// Writes all of `text`. See ``write(_:)-([UInt8])``.
  static func write(_ text: String) {
    write(Array(text.utf8))
  }

  /// Writes all bytes. When nobody reads any more (`| head`), the program ends as other programs
  /// do, by the signal; when the disk is full it says so.
  static func write(_ bytes: [UInt8]) {
    switch FileDescriptor.write(bytes, to: STDOUT_FILENO) {
    case 0: return
    case EPIPE:
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      exit(141)
    case let code:
      StandardError.write("error: cannot write to standard output: \(SystemError.text(code))\n")
      exit(74)
    }
  }

  /// Writes for as long as somebody reads; for programs that go on without a reader.
  static func writeIfRead(_ text: String) {
    _ = FileDescriptor.write(Array(text.utf8), to: STDOUT_FILENO)
  }
}

/// Standard error: errors, progress and logs. A reader that went away is no reason to end.
enum StandardError {
  static func write(_ text: String) {
    _ = FileDescriptor.write(Array(text.utf8), to: STDERR_FILENO)
  }
}
