import Logging
import Synchronization

/// A log whose lines a test can read.
final class KeptLines: LogHandler {
  private let lines = Mutex<[String]>([])
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .info }
    set {}
  }
  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
  }

  /// Those in which there is a text, the oldest first.
  func with(_ text: String) -> [String] {
    lines.withLock { $0.filter { $0.contains(text) } }
  }
}
