import ClusterModel

/// Lets so much through: a burst, and after that a steady rate. What is beyond is counted.
struct StormGate: Sendable {
  /// What comes of the loss of a large node fits in at once.
  static let burst: Int64 = 1000
  /// As many as a log of a small machine takes beside its work.
  static let perSecond: Int64 = 100
  private static let unit: Int64 = 1_000_000_000 / perSecond

  /// In nanoseconds of the steady rate.
  private var room = burst * unit
  private var last: MonotonicInstant?
  /// How many were held back in all, and since the last one that went through.
  private(set) var refused = 0
  private(set) var refusedSinceLast = 0

  /// - Returns: how many were held back since the last one; `nil` when this one is.
  mutating func pass(at now: MonotonicInstant) -> Int? {
    if let last {
      let elapsed = max((now - last).nanoseconds, 0)
      room = min(room + min(elapsed, Self.burst * Self.unit), Self.burst * Self.unit)
    }
    last = now
    guard room >= Self.unit else {
      refuse()
      return nil
    }
    room -= Self.unit
    defer { refusedSinceLast = 0 }
    return refusedSinceLast
  }

  /// One is held back for another reason.
  mutating func refuse() {
    refused += 1
    refusedSinceLast += 1
  }
}
