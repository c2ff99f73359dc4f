internal import CoreMetrics
internal import Synchronization

/// Counts values into buckets.
struct HistogramState {
  let bounds: [Double]
  /// One more than the bounds: the last is for what is beyond them.
  private var counts: [UInt64]
  private var sum = 0.0

  init(bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  mutating func record(_ value: Double) {
    guard value.isFinite else { return }
    // A handful of bounds: looking at each is quicker than a binary search.
    let index = bounds.firstIndex { value <= $0 } ?? bounds.count
    counts[index] += 1
    sum += value
  }

  func write(_ name: String, _ labels: LabelSet, to text: inout String) {
    var total: UInt64 = 0
    for (index, bound) in bounds.enumerated() {
      total += counts[index]
      let bucket = labels.written(bucket: MetricName.number(bound))
      text += "\(name)_bucket\(bucket) \(total)\n"
    }
    total += counts[bounds.count]
    text += "\(name)_bucket\(labels.written(bucket: "+Inf")) \(total)\n"
    text += "\(name)_sum\(labels.written()) \(MetricName.number(sum))\n"
    text += "\(name)_count\(labels.written()) \(total)\n"
  }
}

/// The distribution of any values: powers of four from 1 to about a billion.
final class HistogramSeries: SeriesValue, RecorderHandler {
  static let kind = MetricKind.histogram
  private let state = Mutex(HistogramState(bounds: (0...15).map { Double(1 << (2 * $0)) }))

  init() {}

  func record(_ value: Int64) { record(Double(value)) }
  func record(_ value: Double) { state.withLock { $0.record(value) } }

  func write(_ name: String, _ labels: LabelSet, to text: inout String) {
    state.withLock { $0 }.write(name, labels, to: &text)
  }
}

/// The distribution of durations, in seconds: from 50 microseconds to 10 seconds.
final class TimerSeries: SeriesValue, TimerHandler {
  static let kind = MetricKind.histogram
  static let bounds = [
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
    2.5, 5, 10,
  ]
  private let state = Mutex(HistogramState(bounds: bounds))

  init() {}

  func recordNanoseconds(_ duration: Int64) {
    state.withLock { $0.record(Double(duration) / 1e9) }
  }

  func write(_ name: String, _ labels: LabelSet, to text: inout String) {
    state.withLock { $0 }.write(name, labels, to: &text)
  }
}
