import ClusterModel
import LocalSystem
import Logging

/// Log messages of the program, one line each, on standard error:
/// `2026-11-23T12:44:25.000125Z info control-plane: started (port=8080)`.
struct LineLogHandler: LogHandler {
  let label: String
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]
  private let clock = SystemClock()

  init(label: String, level: Logger.Level) {
    self.label = label
    logLevel = level
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var line = "\(clock.now().wall) \(levelText(event.level)) \(label): "
    line += Terminal.harmless(event.message.description)
    let all = metadata.merging(event.metadata ?? [:]) { _, own in own }
    if !all.isEmpty {
      let pairs = all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      line += Terminal.styled(" (\(Terminal.harmless(pairs.joined(separator: " "))))", .dim)
    }
    StandardError.write(line + "\n")
  }

  private func levelText(_ level: Logger.Level) -> String {
    switch level {
    case .trace, .debug: Terminal.styled(level.rawValue, .dim)
    case .info, .notice: level.rawValue
    case .warning: Terminal.styled(level.rawValue, .yellow)
    case .error, .critical: Terminal.styled(level.rawValue, .red)
    }
  }
}
