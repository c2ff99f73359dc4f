import ClusterModel
import ControlAPIModel

/// How a guest failed, for people: where it was, and what it wrote.
enum GuestFailureText {
  /// Lines to stand below an error; empty when there is nothing to add.
  static func details(of failure: FailureResource) -> String {
    var text = ""
    if let trap = failure.trap { text += "  trap: \(Terminal.harmless(trap))\n" }
    if let status = failure.exitStatus { text += "  exit status: \(status)\n" }
    if !failure.frames.isEmpty {
      text += "  frames, innermost first:\n"
      for (index, frame) in failure.frames.enumerated() {
        let function = frame.function.map(Terminal.harmless) ?? "function \(frame.functionIndex)"
        text += "    \(index): \(function) at 0x\(String(frame.moduleOffset, radix: 16))\n"
      }
    }
    if var log = failure.log, !log.isEmpty {
      text += "  standard error of the module:\n"
      if log.last == "\n" { log.removeLast() }
      for line in log.split(separator: "\n", omittingEmptySubsequences: false) {
        text += "    \(Terminal.harmless(String(line)))\n"
      }
      if failure.logTruncated == true { text += "    (cut off here)\n" }
    }
    return text
  }

  /// One line: `guest_trapped: unreachable executed`.
  static func line(_ failure: FailureResource) -> String {
    "\(failure.code.rawValue): \(failure.message)"
  }
}
