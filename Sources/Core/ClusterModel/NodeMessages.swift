/// What an agent tells the control plane. Messages may be lost, doubled and reordered.
public enum AgentMessage: Hashable, Sendable, Codable {
  /// It is there, holding this.
  case attached(NodeRegistration, NodeReport)
  case heartbeat(Heartbeat)
  /// What it holds has changed; said again until it is acknowledged.
  case reported(NodeReport)
  /// It ends in an orderly manner and serves nothing any more.
  case left(NodeID, Incarnation)

  public var node: NodeID {
    switch self {
    case .attached(let registration, _): registration.node
    case .heartbeat(let heartbeat): heartbeat.node
    case .reported(let report): report.node
    case .left(let node, _): node
    }
  }

  public var incarnation: Incarnation {
    switch self {
    case .attached(let registration, _): registration.incarnation
    case .heartbeat(let heartbeat): heartbeat.incarnation
    case .reported(let report): report.incarnation
    case .left(_, let incarnation): incarnation
    }
  }
}

/// What the control plane tells an agent. The agent refuses whatever is of an older term than it has
/// seen.
public enum ControlMessage: Hashable, Sendable, Codable {
  /// It is registered, and is to leave so much between two heartbeats; said again when that changes. `nil`: as it
  /// was told when it attached.
  case welcome(Incarnation, heartbeatInterval: Duration? = nil, term: UInt64)
  /// It must attach (again): the control plane does not know it.
  case unknown(Incarnation, term: UInt64)
  case plan(NodePlan)
  /// The heartbeat arrived. For an agent that obeys `plan`, the newest there is for it, leases run on
  /// from when it was sent; another one has missed something and must not serve on.
  case heartbeatAcknowledged(Incarnation, sequence: UInt64, plan: PlanVersion, term: UInt64)
  case reportAcknowledged(Incarnation, sequence: UInt64, term: UInt64)
  /// It may not take part: another agent of this name is newer, or there are too many nodes.
  case refused(Incarnation, Problem, term: UInt64)
  /// What it may obey when it boots alone; of the plan that it obeys now, if it is to count.
  case standing(Incarnation, SealedPlan, term: UInt64)

  public var term: UInt64 {
    switch self {
    case .welcome(_, _, let term), .unknown(_, let term), .refused(_, _, let term),
      .standing(_, _, let term),
      .heartbeatAcknowledged(_, _, _, let term), .reportAcknowledged(_, _, let term):
      term
    case .plan(let plan): plan.version.term
    }
  }

  public var incarnation: Incarnation {
    switch self {
    case .welcome(let incarnation, _, _), .unknown(let incarnation, _),
      .refused(let incarnation, _, _), .standing(let incarnation, _, _),
      .heartbeatAcknowledged(let incarnation, _, _, _),
      .reportAcknowledged(let incarnation, _, _):
      incarnation
    case .plan(let plan): plan.incarnation
    }
  }
}

/// How long an agent may serve what must stop when it is isolated, and how the control plane counts.
///
/// The agent counts from when it *sent* the heartbeat that was acknowledged; the control plane from
/// when it *received* it, which is later, and waits longer by what clocks may differ. An agent that has
/// not the newest plan gets no new time. So nobody takes over before the isolated node has stopped,
/// without any clock being set by another.
public enum LeaseRules {
  /// What a lease is worth to the agent that holds it.
  public static let duration = Duration.seconds(2)
  /// How much faster or slower one clock may run than another: 1 part in 50.
  public static let driftDivisor = 50
  /// After how long the control plane takes it for run out.
  public static let expiry = duration + duration / driftDivisor
}
