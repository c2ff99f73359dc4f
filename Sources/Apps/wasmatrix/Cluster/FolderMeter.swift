import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import Metrics
import SupervisionRuntime
import Synchronization

/// Measures the data folder again and again, for its quota, for `doctor` and for the metrics.
final class FolderMeter: Sendable {
  let meter: DataMeter
  /// The event log's file, of which only its owner knows what is inside.
  private let log = Mutex<EventDatabase?>(nil)

  /// How late room that was made is noticed.
  private static let interval = Duration.seconds(1)

  init(_ meter: DataMeter) { self.meter = meter }

  /// The event log was opened, or opened afresh.
  func looks(into log: EventDatabase) { self.log.withLock { $0 = log } }

  /// What was accepted is in the event log's file.
  func foldIn() async throws(Problem) { try await log.withLock { $0 }?.foldIn() }

  /// A service: it ends when it is cancelled.
  func run(_ ready: @escaping @Sendable () -> Void) async throws {
    ready()
    while true {
      try await measure()
      try await Task.sleep(for: Self.interval)
    }
  }

  private func measure() async throws(Problem) {
    let inside: DataMeter.Inside?
    do throws(Problem) {
      inside = try await log.withLock { $0 }?.inside()
    } catch {
      // It is being opened afresh; `doctor` tells what is wrong with it.
      inside = nil
    }
    try await BlockingCall.run { [meter] () throws(Problem) in meter.measure(inside) }
    guard let usage = meter.usage else { return }
    for (part, size) in [
      ("events", usage.events), ("state", usage.state), ("modules", usage.modules),
      ("compiled", usage.compiled), ("free", usage.free),
    ] {
      Gauge(label: "wasmatrix_data_bytes", dimensions: [("part", part)]).record(size.bytes)
    }
    if let quota = usage.quota { Gauge(label: "wasmatrix_data_quota_bytes").record(quota.bytes) }
  }
}
