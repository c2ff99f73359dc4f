import LocalSystem
import Logging
import Metrics
import Telemetry

/// What every long-running verb sets up first.
enum ProcessSetup {
  /// Called once, at the start of the program.
  ///
  /// - Returns: what holds the metrics of the process.
  static func begin(_ level: Logger.Level) -> PrometheusRegistry {
    CrashReports.keepShort()
    Heap.keepCompact()
    OpenFileLimit.raise()
    LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level) }
    CrashReports.endTheProcess()
    let registry = PrometheusRegistry()
    MetricsSystem.bootstrap(registry)
    return registry
  }
}
