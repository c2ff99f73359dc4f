import ClusterModel

/// The rhythm in which the heartbeats of one node arrive: its last gaps, as many as are remembered.
///
/// A gap that is longer than any silence may be is an outage and says nothing about the rhythm; nor
/// does one during which the control plane did not listen.
struct Rhythm: Hashable, Sendable {
  /// With fewer gaps nothing is known yet, and the ceilings hold.
  static let fewestGaps = 4
  /// Smaller deviations are chance: a fifth of the heartbeat interval.
  static let smallestDeviationDivisor: Int64 = 5

  /// In nanoseconds; a ring once it is full.
  private var gaps: [Int64] = []
  private var oldest = 0
  private var lastBeat: MonotonicInstant?
  private(set) var mean: Int64 = 0
  private(set) var meanDeviation: Int64 = 0

  /// Whether enough is known to go by.
  var isKnown: Bool { gaps.count >= Self.fewestGaps }

  /// A heartbeat arrived.
  ///
  /// - Parameters:
  ///   - listeningSince: a gap that began before does not count.
  ///   - longest: a gap that is longer does not count.
  mutating func beat(
    at now: MonotonicInstant, listeningSince: MonotonicInstant, longest: Duration, history: Int
  ) {
    defer { lastBeat = now }
    guard let lastBeat, lastBeat >= listeningSince, now >= lastBeat, now - lastBeat <= longest
    else { return }
    let gap = (now - lastBeat).nanoseconds
    if gaps.count < history {
      gaps.append(gap)
    } else {
      gaps[oldest] = gap
      oldest = (oldest + 1) % history
    }
    let count = Int64(gaps.count)
    mean = gaps.reduce(0, +) / count
    meanDeviation = gaps.reduce(0) { $0 + abs($1 - mean) } / count
  }

  /// After which silence the rhythm is broken, so many mean deviations being usual.
  ///
  /// - Parameter interval: no node beats faster than it was told to, however its heartbeats bunch.
  func patience(deviations: Int, interval: Duration) -> Duration {
    let interval = interval.nanoseconds
    let deviation = max(meanDeviation, interval / Self.smallestDeviationDivisor)
    return .nanoseconds(max(mean, interval) + Int64(deviations) * deviation)
  }
}
