public import CoreMetrics
internal import Synchronization

/// Keeps the metrics of the program, and writes them as Prometheus reads them (text format 0.0.4).
///
/// A `Recorder` that does not aggregate is a gauge; one that does, and a `Timer`, are histograms
/// (a timer's in seconds). Nothing that is recorded can make it grow without bound: a family keeps
/// ``maximumSeries`` combinations of labels, what is beyond them counts under `overflow="true"`;
/// beyond ``maximumFamilies``, and under a name of another type, nothing is kept.
public final class PrometheusRegistry: MetricsFactory {
  /// Names of metrics.
  public static let maximumFamilies = 1000
  /// Combinations of label values under one name.
  public static let maximumSeries = 1000
  /// The media type of ``exposition()``.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private struct Families {
    var byName: [String: MetricFamily] = [:]
    var help: [String: String] = [:]
  }

  private let families = Mutex(Families())

  public init() {}

  /// Says what a metric means, for its `HELP` line; before or after it is first recorded.
  public func describe(_ label: String, _ help: String) {
    families.withLock { $0.help[MetricName.sanitised(label)] = help }
  }

  /// All metrics, sorted by name and labels, with those of the process itself.
  public func exposition() -> String {
    let (all, help) = families.withLock { ($0.byName, $0.help) }
    var blocks = ProcessMetrics.blocks()
    for (name, family) in all {
      // What the process tells of itself is never told twice.
      guard blocks[name] == nil else { continue }
      var text = ""
      family.write(name, help: help[name] ?? help[family.label] ?? family.label, to: &text)
      blocks[name] = text
    }
    return blocks.sorted { $0.key < $1.key }.map(\.value).joined()
  }

  /// The handler of a series: made when it is first asked for, the same one ever after.
  private func series<Handler: SeriesValue>(
    _ label: String, suffix: String, _ dimensions: [(String, String)], _ type: Handler.Type
  ) -> Handler {
    let name = MetricName.sanitised(label, suffix: suffix)
    return families.withLock { families in
      let family: MetricFamily
      if let known = families.byName[name] {
        family = known
      } else {
        guard families.byName.count < Self.maximumFamilies else { return Handler() }
        family = MetricFamily(label: MetricName.sanitised(label), kind: Handler.kind)
        families.byName[name] = family
      }
      return family.series(LabelSet(dimensions), type)
    }
  }

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    series(label, suffix: "_total", dimensions, CounterSeries.self)
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    series(label, suffix: "_total", dimensions, FloatingPointCounterSeries.self)
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    series(label, suffix: "", dimensions, GaugeSeries.self)
  }

  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    aggregate
      ? series(label, suffix: "", dimensions, HistogramSeries.self)
      : series(label, suffix: "", dimensions, GaugeSeries.self)
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    series(label, suffix: "_seconds", dimensions, TimerSeries.self)
  }

  public func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
    forget(handler)
  }
  public func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
  public func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
  public func destroyTimer(_ handler: any TimerHandler) { forget(handler) }

  private func forget(_ handler: AnyObject) {
    families.withLock { families in
      for family in families.byName.values { family.forget(handler) }
    }
  }
}
