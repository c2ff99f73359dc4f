internal import Synchronization

/// The type of a metric, as its `TYPE` line says it.
enum MetricKind: String {
  case counter, gauge, histogram
}

/// The value of one combination of labels.
protocol SeriesValue: AnyObject, Sendable {
  static var kind: MetricKind { get }
  init()
  /// Appends the samples of this series.
  func write(_ name: String, _ labels: LabelSet, to text: inout String)
}

/// Everything under one name.
final class MetricFamily: Sendable {
  /// What it was called before a suffix came to it.
  let label: String
  let kind: MetricKind
  private let series = Mutex<[LabelSet: any SeriesValue]>([:])

  init(label: String, kind: MetricKind) {
    self.label = label
    self.kind = kind
  }

  func series<Handler: SeriesValue>(_ labels: LabelSet, _ type: Handler.Type) -> Handler {
    series.withLock { series in
      var labels = labels
      if series[labels] == nil, series.count >= PrometheusRegistry.maximumSeries {
        labels = .overflow
      }
      if let known = series[labels] {
        // Of another type under the same name: it counts, but nobody sees it.
        return known as? Handler ?? Handler()
      }
      let new = Handler()
      if Handler.kind == kind { series[labels] = new }
      return new
    }
  }

  func forget(_ handler: AnyObject) {
    series.withLock { series in
      if let labels = series.first(where: { $0.value === handler })?.key {
        series[labels] = nil
      }
    }
  }

  func write(_ name: String, help: String, to text: inout String) {
    let all = series.withLock { $0 }
    guard !all.isEmpty else { return }
    text += "# HELP \(name) \(MetricName.escapedHelp(help))\n# TYPE \(name) \(kind.rawValue)\n"
    for (labels, value) in all.sorted(by: { $0.key < $1.key }) {
      value.write(name, labels, to: &text)
    }
  }
}
