import ClusterModel

/// How a child has ended.
public enum ChildExit: Hashable, Sendable {
  /// Its work is done.
  case normal
  /// It was asked to stop, and did.
  case shutdown
  /// Something went wrong; says what, for people.
  case failure(String)

  /// Whether a transient child is started again after it.
  public var isAbnormal: Bool {
    switch self {
    case .normal, .shutdown: false
    case .failure: true
    }
  }
}

/// How a supervisor has ended.
public enum SupervisorExit: Hashable, Sendable {
  /// It was asked to stop.
  case shutdown
  /// A child could not be started when the supervisor began; says which, and why.
  case startFailed(ChildID, reason: String)
  /// This child needed one restart more than the intensity allows.
  case intensityReached(ChildID, ChildExit)
}

/// What people and counters hear about a supervisor.
public enum SupervisorEvent: Hashable, Sendable {
  case childStarted(ChildIncarnation)
  case childStartFailed(ChildIncarnation, reason: String)
  /// A child has ended by itself.
  case childEnded(ChildIncarnation, ChildExit)
  /// A child was stopped by its supervisor, and ended like this.
  case childStopped(ChildIncarnation, ChildExit)
  /// A child did not stop within its time and is killed.
  case shutdownTimedOut(ChildIncarnation)
  /// A child is started again after `delay`, and with it, by the strategy, its group. `restarts` counts
  /// those that this child caused.
  case restarting(ChildID, after: ChildExit, restarts: Int, delay: Duration)
  /// There were too many restarts: everything is stopped, and the supervisor ends.
  case escalated(ChildID, after: ChildExit, restarts: Int, within: Duration)
}

extension Supervisor {
  /// What has happened.
  public enum Input: Hashable, Sendable {
    case startRequested
    /// A child serves: the next one may be started.
    case childStarted(ChildIncarnation)
    case childStartFailed(ChildIncarnation, reason: String)
    /// A child has ended, by itself or because it was stopped or killed. Before it was started, that is
    /// a failed start.
    case childEnded(ChildIncarnation, ChildExit)
    /// Someone wants a child to be started afresh. It is stopped first if it runs; what waits for a
    /// restart is started now. It does not count as a restart. Temporary children are left alone.
    case restartRequested(ChildID)
    /// Someone wants a child to be down until it is asked for again, or until its group is restarted.
    case terminateRequested(ChildID)
    case stopRequested
    case deadlineReached
  }

  /// What must be done.
  public enum Directive: Hashable, Sendable {
    case startChild(ChildIncarnation)
    /// It must end: `childEnded` is awaited. `timeout` says how long (`nil`: without bound), for the
    /// child to know; the supervisor itself watches the time.
    case stopChild(ChildIncarnation, timeout: Duration?)
    /// It must end at once; `childEnded` is awaited here too.
    case killChild(ChildIncarnation)
    case report(SupervisorEvent)
    /// All children are started, for the first time.
    case started
    /// All children are down, and nothing more will come.
    case ended(SupervisorExit)
  }
}
