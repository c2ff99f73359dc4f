/// A point on a clock that never goes back: for time-outs and measurements. Nanoseconds since an
/// origin that means nothing outside its process.
public struct MonotonicInstant: Hashable, Comparable, Sendable {
  public var nanoseconds: Int64
  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
  public static func + (left: Self, right: Duration) -> Self {
    Self(nanoseconds: left.nanoseconds.addingSaturating(right.nanoseconds))
  }
  public static func - (left: Self, right: Self) -> Duration {
    .nanoseconds(left.nanoseconds - right.nanoseconds)
  }
}

/// A point in civil time: for people and certificates. Microseconds since 1970-01-01T00:00:00Z.
/// Its JSON form is the RFC 3339 text.
public struct WallInstant: Hashable, Comparable, Sendable {
  public var microseconds: Int64
  public init(microseconds: Int64) { self.microseconds = microseconds }

  public static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
  public static func + (left: Self, right: Duration) -> Self {
    Self(microseconds: left.microseconds.addingSaturating(right.nanoseconds / 1000))
  }
  public static func - (left: Self, right: Self) -> Duration {
    .microseconds(left.microseconds.subtractingSaturating(right.microseconds))
  }
}

/// Both clocks, read together by the host and handed to the deciding code.
public struct Instants: Hashable, Sendable {
  public var monotonic: MonotonicInstant
  public var wall: WallInstant
  public init(monotonic: MonotonicInstant, wall: WallInstant) {
    self.monotonic = monotonic
    self.wall = wall
  }
}

extension Duration {
  /// The whole nanoseconds in this duration, saturating at the ends of `Int64`.
  public var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    return scaled.addingSaturating(attoseconds / 1_000_000_000)
  }

  /// This duration as fractional milliseconds.
  public var milliseconds: Double { Double(nanoseconds) / 1e6 }
}

extension Int64 {
  func addingSaturating(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min : .max
  }

  func subtractingSaturating(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    guard overflow else { return difference }
    return other < 0 ? .max : .min
  }
}
