internal import CoreMetrics
internal import Synchronization

/// A counter of whole things.
final class CounterSeries: SeriesValue, CounterHandler {
  static let kind = MetricKind.counter
  private let value = Atomic<Int64>(0)

  init() {}

  func increment(by amount: Int64) {
    // A counter never goes down; what would overflow after centuries starts again from 0.
    guard amount > 0 else { return }
    let (_, now) = value.wrappingAdd(amount, ordering: .relaxed)
    if now < 0 { value.store(0, ordering: .relaxed) }
  }

  func reset() { value.store(0, ordering: .relaxed) }

  func write(_ name: String, _ labels: LabelSet, to text: inout String) {
    text += "\(name)\(labels.written()) \(value.load(ordering: .relaxed))\n"
  }
}

/// A counter of fractions, such as seconds.
final class FloatingPointCounterSeries: SeriesValue, FloatingPointCounterHandler {
  static let kind = MetricKind.counter
  private let value = AtomicDouble()

  init() {}

  func increment(by amount: Double) {
    guard amount > 0, amount.isFinite else { return }
    value.add(amount)
  }

  func reset() { value.set(0) }

  func write(_ name: String, _ labels: LabelSet, to text: inout String) {
    text += "\(name)\(labels.written()) \(MetricName.number(value.value))\n"
  }
}

/// A value that goes up and down.
final class GaugeSeries: SeriesValue, MeterHandler, RecorderHandler {
  static let kind = MetricKind.gauge
  private let value = AtomicDouble()

  init() {}

  func set(_ new: Int64) { value.set(Double(new)) }
  func set(_ new: Double) { value.set(new) }
  func increment(by amount: Double) { value.add(amount) }
  func decrement(by amount: Double) { value.add(-amount) }
  func record(_ new: Int64) { set(new) }
  func record(_ new: Double) { set(new) }

  func write(_ name: String, _ labels: LabelSet, to text: inout String) {
    text += "\(name)\(labels.written()) \(MetricName.number(value.value))\n"
  }
}

/// A floating-point number that many threads change.
struct AtomicDouble: ~Copyable {
  private let bits = Atomic<UInt64>(0)

  var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

  func set(_ new: Double) { bits.store(new.bitPattern, ordering: .relaxed) }

  func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (exchanged, original) = bits.weakCompareExchange(
        expected: old, desired: new, ordering: .relaxed)
      if exchanged { return }
      old = original
    }
  }
}
