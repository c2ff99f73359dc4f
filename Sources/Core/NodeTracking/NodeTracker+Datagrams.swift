import ClusterModel

extension NodeTracker.Configuration {
  /// How punctual heartbeats are.
  public enum Punctuality: String, Hashable, Sendable, CaseIterable {
    /// At both ends their threads are scheduled in real time.
    case realTime
    /// Their threads wait for a processor like any other.
    case ordinary
  }

  /// For agents that are processes of their own, whose heartbeats come as datagrams.
  ///
  /// In real time they come every 5 ms. On a machine that is busy they are late by a few milliseconds at
  /// most, so that six intervals of silence (30 ms) are enough, and ten (50 ms) always.
  ///
  /// Other threads wait for a processor: on a machine with five times as much to do as it has processors for,
  /// gaps of 230 ms were seen within minutes, without warning. So heartbeats come every 10 ms, and less than
  /// 250 ms of silence mean nothing; 400 ms always do. The figures are those of `make bench-heartbeats`.
  public static func datagrams(_ punctuality: Punctuality) -> Self {
    var configuration = Self()
    switch punctuality {
    case .realTime: configuration.heartbeatInterval = .milliseconds(5)
    case .ordinary:
      configuration.heartbeatInterval = .milliseconds(10)
      configuration.silence.suspicionFloor = 5
      configuration.silence.suspicionCeiling = 24
      configuration.silence.lossFloor = 25
      configuration.silence.lossCeiling = 40
      // The control plane's own thread is as late as those of agents.
      configuration.silence.lateness = 5
    }
    return configuration
  }
}
