import ClusterModel

// How long any node may be silent at the most, and what follows from that for everything before.
extension NodeTracker.Configuration {
  /// With fewer intervals there is no room for a heartbeat that is late between suspicion and loss.
  static let fewestIntervals = 5

  /// What the ceiling may be: in intervals of those who beat most rarely, and of those who beat most often.
  var ceilings: (least: Duration, most: Duration) {
    let longest = max(heartbeatInterval, ordinary?.heartbeatInterval ?? heartbeatInterval)
    return (
      longest * Self.fewestIntervals, heartbeatInterval * NodeTracker.SilenceRules.mostIntervals
    )
  }

  /// The same with the ceiling expressed in intervals, as everything else is.
  var inIntervals: Self {
    guard let heartbeatCeiling else { return self }
    var scaled = self
    scaled.heartbeatCeiling = nil
    scaled.silence = silence.scaled(to: heartbeatCeiling, heartbeatInterval)
    scaled.massSilence = massSilence.scaled(from: silence, to: scaled.silence)
    if let ordinary {
      let interval = max(ordinary.heartbeatInterval, heartbeatInterval)
      scaled.ordinary = NodeTracker.Pace(
        heartbeatInterval: interval,
        silence: ordinary.silence.scaled(to: heartbeatCeiling, interval))
    }
    return scaled
  }
}

extension NodeTracker.SilenceRules {
  /// The same in proportion to another ceiling, which is never passed: the part of an interval that is left over
  /// does not count.
  fileprivate func scaled(to ceiling: Duration, _ interval: Duration) -> Self {
    let ceiling = Int(ceiling.nanoseconds / interval.nanoseconds)
    var scaled = self
    scaled.lossCeiling = ceiling
    scaled.suspicionFloor = share(suspicionFloor, of: ceiling)
    scaled.suspicionCeiling = share(suspicionCeiling, of: ceiling)
    // Whoever falls silent together is suspected before the first of them is lost.
    scaled.lossFloor = max(share(lossFloor, of: ceiling), scaled.suspicionCeiling + 1)
    scaled.lateness = share(lateness, of: ceiling)
    return scaled
  }

  /// What a count of intervals becomes with another ceiling.
  fileprivate func share(_ count: Int, of ceiling: Int) -> Int {
    max(1, count * ceiling / lossCeiling)
  }
}

extension NodeTracker.MassSilenceRules {
  fileprivate func scaled(
    from before: NodeTracker.SilenceRules, to after: NodeTracker.SilenceRules
  ) -> Self {
    var scaled = self
    scaled.window = min(before.share(window, of: after.lossCeiling), Self.longestWindow)
    scaled.lookAgain = before.share(lookAgain, of: after.lossCeiling)
    return scaled
  }
}
