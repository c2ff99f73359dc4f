public import ClusterModel

extension NodeTracker.Configuration {
  /// - Throws: ``InvalidValue`` for the first setting that is out of its range, or does not fit the
  ///   others.
  public func validate() throws(InvalidValue) {
    try require(
      Self.intervals.contains(heartbeatInterval), "heartbeatInterval", heartbeatInterval,
      "1 ms to 60 s")
    try require(
      (1...10_000_000).contains(heartbeatsPerSecond), "heartbeatsPerSecond", heartbeatsPerSecond,
      "1 to 10,000,000")
    try require(
      grace >= .zero && grace <= .seconds(3600), "grace", grace, "0 to 1 h")
    try require(
      (1...1_000_000).contains(maximumNodes), "maximumNodes", maximumNodes, "1 to 1,000,000")
    try silence.validate()
    try massSilence.validate(silence)
    try validateOrdinary()
    try vitals.validate()
    if let heartbeatCeiling {
      let (least, most) = ceilings
      try require(
        least <= heartbeatCeiling && heartbeatCeiling <= most, "heartbeatCeiling",
        heartbeatCeiling,
        "\(least.text) to \(most.text), which are \(Self.fewestIntervals) heartbeat intervals and "
          + "\(NodeTracker.SilenceRules.mostIntervals)")
    }
  }

  private static let intervals = Duration.milliseconds(1)...Duration.seconds(60)

  private func validateOrdinary() throws(InvalidValue) {
    guard let ordinary else { return }
    try require(
      Self.intervals.contains(ordinary.heartbeatInterval), "ordinary.heartbeatInterval",
      ordinary.heartbeatInterval, "1 ms to 60 s")
    try ordinary.silence.validate("ordinary.")
    // Whoever is held is looked at before it could be lost.
    let lossFloor =
      max(heartbeatInterval, ordinary.heartbeatInterval) * ordinary.silence.lossFloor
    try require(
      heartbeatInterval * massSilence.lookAgain <= lossFloor, "ordinary.lossFloor",
      ordinary.silence.lossFloor, "no sooner than massSilence.lookAgain")
  }
}

extension NodeTracker.SilenceRules {
  /// Whoever wants to wait for longer lets nodes beat less often.
  static let mostIntervals = 1000

  /// - Parameter prefix: comes before the names of settings.
  fileprivate func validate(_ prefix: String = "") throws(InvalidValue) {
    try require(
      suspicionFloor >= 1 && suspicionFloor <= suspicionCeiling,
      prefix + "suspicionFloor", suspicionFloor, "1 to the suspicionCeiling")
    // Nodes that fall silent together beat for the last time up to an interval apart.
    try require(
      lossFloor > suspicionCeiling && lossFloor <= lossCeiling,
      prefix + "lossFloor", lossFloor, "more than the suspicionCeiling, up to the lossCeiling")
    try require(
      lossCeiling <= Self.mostIntervals, prefix + "lossCeiling", lossCeiling,
      "at most \(Self.mostIntervals)")
    try require(
      suspicionDeviations >= 1 && suspicionDeviations <= lossDeviations,
      prefix + "suspicionDeviations", suspicionDeviations, "1 to the lossDeviations")
    try require(
      lossDeviations <= 100, prefix + "lossDeviations", lossDeviations, "at most 100")
    try require(
      (Rhythm.fewestGaps...256).contains(history), prefix + "history", history, "4 to 256")
    try require(
      (1...suspicionFloor).contains(lateness), prefix + "lateness", lateness,
      "1 to the suspicionFloor")
  }
}

extension NodeTracker.MassSilenceRules {
  /// In heartbeat intervals.
  static let longestWindow = 10_000

  fileprivate func validate(_ silence: NodeTracker.SilenceRules) throws(InvalidValue) {
    try require((1...100).contains(percent), "massSilence.percent", percent, "1 to 100")
    try require(
      (1...Self.longestWindow).contains(window), "massSilence.window", window, "1 to 10,000")
    try require(
      (1...silence.lossFloor).contains(lookAgain), "massSilence.lookAgain", lookAgain,
      "1 to the lossFloor")
  }
}

extension NodeTracker.VitalsRules {
  fileprivate func validate() throws(InvalidValue) {
    try require(
      stuckAfter > .zero && stuckAfter <= stuckLossAfter, "stuckAfter", stuckAfter,
      "more than 0, up to stuckLossAfter")
    try require(
      (1...100).contains(overloadPercent), "overloadPercent", overloadPercent, "1 to 100")
    try require(
      (1...overloadPercent).contains(reliefPercent), "reliefPercent", reliefPercent,
      "1 to the overloadPercent")
    try require(
      regularPercent > 100 && regularPercent <= rarePercent, "regularPercent", regularPercent,
      "more than 100, up to the rarePercent")
    try require(rarePercent <= 100_000, "rarePercent", rarePercent, "at most 100,000")
  }
}

private func require(
  _ holds: Bool, _ field: String, _ value: some CustomStringConvertible, _ rule: String
) throws(InvalidValue) {
  guard holds else { throw InvalidValue(field, "\(value)", rule: rule) }
}

extension Duration {
  /// As options are written: in milliseconds, rounded up.
  fileprivate var text: String { "\((nanoseconds + 999_999) / 1_000_000)ms" }
}
