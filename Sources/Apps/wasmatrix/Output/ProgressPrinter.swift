import Glibc

/// Shows on standard error what is being done.
enum ProgressPrinter {
  /// One step is done.
  static func step(_ message: String) {
    let mark = isatty(STDERR_FILENO) == 1 ? Terminal.styled("✓", .green) + " " : ""
    StandardError.write(mark + Terminal.harmless(message) + "\n")
  }

  /// Something to know.
  static func note(_ message: String) {
    StandardError.write(Terminal.harmless(message) + "\n")
  }
}
