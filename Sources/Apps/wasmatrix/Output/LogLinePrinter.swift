import ClusterModel
import HostPorts

/// How a line that a module wrote looks: when, which module, on which event, what.
enum LogLinePrinter {
  static func text(of line: LogLine) -> String {
    let origin = Terminal.styled("\(line.at) \(line.module)", .dim)
    let event = Terminal.styled("[\(Terminal.harmless(line.eventID))]", .dim)
    return "\(origin) \(event) \(Terminal.harmless(line.text))\n"
  }
}
