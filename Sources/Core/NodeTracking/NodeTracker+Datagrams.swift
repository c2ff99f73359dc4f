public import ClusterModel

extension NodeTracker.Configuration {
  /// For agents that are processes of their own, whose heartbeats come as datagrams.
  ///
  /// In real time they come every 5 ms. On a machine that is busy they are late by a few milliseconds at
  /// most, so that six intervals of silence (30 ms) are enough, and ten (50 ms) always.
  ///
  /// Other threads wait for a processor: on a machine with five times as much to do as it has processors for,
  /// gaps of 230 ms were seen within minutes, without warning. So heartbeats come every 10 ms, and less than
  /// 250 ms of silence mean nothing; 400 ms always do. The figures are those of `make bench-heartbeats`.
  ///
  /// Silence means something soon only where both ends are in real time.
  ///
  /// - Parameter punctuality: of the control plane. In real time it judges each node by what that says of itself.
  public static func datagrams(_ punctuality: HeartbeatPunctuality) -> Self {
    var configuration = Self()
    switch punctuality {
    case .realTime:
      configuration.heartbeatInterval = .milliseconds(5)
      configuration.ordinary = .datagrams
    case .ordinary:
      configuration.heartbeatInterval = NodeTracker.Pace.datagrams.heartbeatInterval
      configuration.silence = NodeTracker.Pace.datagrams.silence
    }
    return configuration
  }
}

extension NodeTracker.Pace {
  /// Of those that wait for a processor.
  fileprivate static var datagrams: Self {
    var silence = NodeTracker.SilenceRules()
    silence.suspicionFloor = 5
    silence.suspicionCeiling = 24
    silence.lossFloor = 25
    silence.lossCeiling = 40
    // The control plane's own thread is as late as those of agents.
    silence.lateness = 5
    return Self(heartbeatInterval: .milliseconds(10), silence: silence)
  }
}
