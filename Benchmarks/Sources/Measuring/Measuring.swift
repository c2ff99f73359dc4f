import Glibc

/// Nanoseconds of a clock that never goes back.
@inline(__always)
public func clock() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Times of one thing, in nanoseconds.
public struct Times: Encodable {
  public let count: Int
  public let p50: Double
  public let p99: Double
  public let worst: Double

  public init(_ times: [Int64]) {
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
  public static func text(_ nanoseconds: Double) -> String {
    let microseconds = nanoseconds / 1000
    let digits = microseconds < 10 ? 2 : microseconds < 100 ? 1 : 0
    let scale = [1.0, 10, 100][digits]
    let rounded = (microseconds * scale).rounded() / scale
    return digits == 0 ? "\(Int(rounded))" : "\(rounded)"
  }
}

/// The smallest, the middle and the largest of some ratios.
public struct Spread: Encodable {
  public let least: Double
  public let median: Double
  public let most: Double

  public init(_ values: [Double]) {
    let sorted = values.sorted()
    least = sorted.first ?? .nan
    median = sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    most = sorted.last ?? .nan
  }

  public var text: String { "\(Self.text(median)) (\(Self.text(least)) to \(Self.text(most)))" }

  public static func text(_ ratio: Double) -> String {
    let scale = ratio < 0.1 ? 1000.0 : 100.0
    return "\((ratio * scale).rounded() / scale)"
  }
}

extension Spread {
  /// Of large numbers.
  public static func whole(_ spread: Spread) -> String {
    "\(Int(spread.median)) (\(Int(spread.least)) to \(Int(spread.most)))"
  }
}
