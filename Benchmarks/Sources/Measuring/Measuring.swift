import ClusterModel
import Glibc

/// Nanoseconds of a clock that never goes back.
@inline(__always)
func clock() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Times of one thing, in nanoseconds.
struct Times: Encodable {
  let count: Int
  let p50: Double
  let p99: Double
  let worst: Double

  init(_ times: [Int64]) {
    let sorted = times.sorted()
    func quantile(_ share: Double) -> Double {
      guard !sorted.isEmpty else { return 0 }
      return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }
    count = sorted.count
    p50 = quantile(0.5)
    p99 = quantile(0.99)
    worst = quantile(1)
  }

  /// Microseconds, for people.
  static func text(_ nanoseconds: Double) -> String {
    let microseconds = nanoseconds / 1000
    let digits = microseconds < 10 ? 2 : microseconds < 100 ? 1 : 0
    let scale = [1.0, 10, 100][digits]
    let rounded = (microseconds * scale).rounded() / scale
    return digits == 0 ? "\(Int(rounded))" : "\(rounded)"
  }
}

/// The smallest, the middle and the largest of some ratios.
struct Spread: Encodable {
  let least: Double
  let median: Double
  let most: Double

  init(_ values: [Double]) {
    let sorted = values.sorted()
    least = sorted.first ?? .nan
    median = sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    most = sorted.last ?? .nan
  }

  var text: String { "\(Self.text(median)) (\(Self.text(least)) to \(Self.text(most)))" }

  static func text(_ ratio: Double) -> String {
    let scale = ratio < 0.1 ? 1000.0 : 100.0
    return "\((ratio * scale).rounded() / scale)"
  }
}
