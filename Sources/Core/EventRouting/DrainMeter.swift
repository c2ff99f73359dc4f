import ClusterModel

/// How fast something drains, measured over the last seconds, and how long it takes until there is room.
struct DrainMeter: Sendable {
  private struct Bucket: Sendable {
    var second: Int64
    var count = 0
    var bytes = 0
  }

  /// Seconds that are looked back: long enough to be even, short enough to notice a change.
  static let window: Int64 = 10
  /// The shortest wait that is advised: the unit of HTTP's `Retry-After`.
  static let shortest = Duration.seconds(1)
  /// The longest, also when nothing drains at all: whoever waits must look again some time.
  static let longest = Duration.seconds(60)

  /// At most one for each second of the window, oldest first.
  private var buckets: [Bucket] = []

  /// Some of it is gone.
  mutating func drained(bytes: Int, at now: MonotonicInstant) {
    let second = Self.second(now)
    if buckets.last?.second != second {
      buckets.removeAll { $0.second <= second - Self.window }
      buckets.append(Bucket(second: second))
    }
    buckets[buckets.count - 1].count += 1
    buckets[buckets.count - 1].bytes += bytes
  }

  /// How long it takes until so much is gone, at the rate of the last seconds.
  func time(toDrain count: Int, bytes: Int, at now: MonotonicInstant) -> Duration {
    let second = Self.second(now)
    let recent = buckets.filter { $0.second > second - Self.window }
    guard let first = recent.first else { return Self.longest }
    let seconds = Int(second - first.second) + 1
    let wait = max(
      Self.seconds(count, recent.reduce(0) { $0 + $1.count }, per: seconds),
      Self.seconds(bytes, recent.reduce(0) { $0 + $1.bytes }, per: seconds))
    return min(max(.seconds(wait), Self.shortest), Self.longest)
  }

  /// Rounded up, so that there is room when it is over.
  private static func seconds(_ amount: Int, _ drained: Int, per seconds: Int) -> Int {
    guard amount > 0 else { return 0 }
    guard drained > 0 else { return Int(longest.nanoseconds / 1_000_000_000) }
    let (product, isTooMuch) = amount.multipliedReportingOverflow(by: seconds)
    return isTooMuch ? .max / 2_000_000_000 : (product - 1) / drained + 1
  }

  private static func second(_ now: MonotonicInstant) -> Int64 { now.nanoseconds / 1_000_000_000 }
}
