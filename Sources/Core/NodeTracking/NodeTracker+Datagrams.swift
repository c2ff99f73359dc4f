import ClusterModel

extension NodeTracker.Configuration {
  /// How punctual heartbeats are.
  public enum Punctuality: String, Hashable, Sendable, CaseIterable {
    /// At both ends their threads are scheduled in real time.
    case realTime
    /// Their threads wait for a processor like any other.
    case ordinary
  }

  /// For agents that are processes of their own, whose heartbeats come as datagrams: every 5 ms.
  ///
  /// Threads in real time are late by a fraction of a millisecond on a machine that is busy, so that six
  /// intervals of silence (30 ms) are enough, and ten (50 ms) always. Others are late by up to 45 ms on such
  /// a machine, now and then and without warning, so that less than 60 ms mean nothing; 90 ms always do. The
  /// figures are those of `make bench-heartbeats`.
  public static func datagrams(_ punctuality: Punctuality) -> Self {
    var configuration = Self()
    configuration.heartbeatInterval = .milliseconds(5)
    switch punctuality {
    case .realTime: break
    case .ordinary:
      configuration.silence.suspicionFloor = 5
      configuration.silence.suspicionCeiling = 11
      configuration.silence.lossFloor = 12
      configuration.silence.lossCeiling = 18
      // Lateness of the control plane's own thread is as usual as that of the agents'.
      configuration.silence.lateness = 2
    }
    return configuration
  }
}
