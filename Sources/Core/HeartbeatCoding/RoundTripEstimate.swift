/// How long it takes to the other end and back, from what was measured; smoothed as TCP does it
/// (RFC 6298).
public struct RoundTripEstimate: Hashable, Sendable {
  /// The mean of what was measured, in which each newer one weighs an eighth.
  public private(set) var smoothed: Duration
  /// The smallest that was measured: what is left when nothing stood in the way.
  public private(set) var least: Duration
  /// How many were measured.
  public private(set) var count: Int

  /// Begins with what was measured first.
  public init(_ first: Duration) {
    smoothed = first
    least = first
    count = 1
  }

  /// One more was measured.
  public mutating func take(_ measured: Duration) {
    smoothed += (measured - smoothed) / 8
    least = min(least, measured)
    count += 1
  }
}
