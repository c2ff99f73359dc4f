import ClusterModel
import ControlAPIModel

/// Prints what went wrong to standard error: what, why, and what to do.
enum ErrorPrinter {
  /// - Parameter failure: how the guest failed, if it was a guest.
  static func print(_ problem: Problem, failure: FailureResource? = nil) {
    StandardError.write(
      text(of: problem) + (failure.map(GuestFailureText.details) ?? ""))
  }

  static func text(of problem: Problem) -> String {
    var text = Terminal.styled("error:", .red) + " " + indented(problem.message) + "\n"
    if let cause = problem.cause {
      text += "  cause: " + indented(cause) + "\n"
    }
    if let next = problem.next {
      text += "  " + Terminal.styled("next:", .bold) + " " + indented(next) + "\n"
    }
    return text
  }

  /// Prints what the argument parser says about wrong usage.
  static func printUsage(_ message: String) {
    let prefix = "Error: "
    guard message.hasPrefix(prefix) else { return StandardError.write(message + "\n") }
    StandardError.write(
      Terminal.styled("error:", .red) + " " + message.dropFirst(prefix.count) + "\n")
  }

  static func warn(_ message: String) {
    StandardError.write(Terminal.styled("warning:", .yellow) + " " + indented(message) + "\n")
  }

  /// Further lines of a message stand under its first.
  private static func indented(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: true)
      .map { Terminal.harmless(String($0)) }
      .joined(separator: "\n    ")
  }
}
