public import ClusterModel

extension NodeTracker {
  /// What has happened.
  public enum Input: Sendable {
    /// The control plane starts: silence before this means nothing.
    case started
    /// The store knows a node that has not been heard yet; it is given a grace.
    case expected(NodeRegistration)
    case registered(NodeRegistration)
    /// - Parameter at: when it arrived, which may be a while ago: who reads it counts silence from then.
    case heartbeatReceived(Heartbeat, at: MonotonicInstant)
    /// Positive evidence that an agent is gone.
    case deathWitnessed(NodeID, Incarnation, DeathEvidence)
    case cordonRequested(NodeID)
    case uncordonRequested(NodeID)
    case drainRequested(NodeID)
    /// A node that is being drained holds nothing any more.
    case drainCompleted(NodeID)
    /// What a node holds has been compared with what it should hold.
    case adopted(NodeID)
    case forgetRequested(NodeID)
    case deadlineReached
  }

  /// What must be done.
  public enum Directive: Hashable, Sendable {
    /// The state of a node is another one; `from` is `nil` for a node that was not known.
    case stateChanged(NodeID, from: NodeState?, to: NodeState, NodeChangeReason)
    /// What a node held must be placed elsewhere now.
    case moveWork(from: NodeID, LossEvidence)
    /// A node came back: what it holds is to be compared with what it should hold, then `adopted`.
    case adopt(NodeID)
    /// How a node may be given work, where it stands or what it can do has changed.
    case scheduleChanged(NodeID)
    /// The work of a node is to be moved away in order; it serves until then.
    case drain(NodeID)
    /// A registration does not count.
    case refuse(NodeID, Incarnation, RegistrationProblem)
    case raiseAlarm(Alarm)
    /// The alarm that was raised with the same values is over.
    case clearAlarm(Alarm)
    /// All agents are to leave so much between two heartbeats from now on, the ordinary ones at least.
    case intervalChanged(Duration)
  }

  /// Something that must be said loudly.
  public enum Alarm: Hashable, Sendable, CustomStringConvertible {
    /// So many nodes fell silent at once that the control plane takes itself for the one cut off.
    case massSilence(silent: Int, of: Int, faultDomains: Int)

    public var description: String {
      switch self {
      case .massSilence(let silent, let all, let domains):
        "\(silent) of \(all) nodes in \(domains) fault domains fell silent at once: "
          + "the control plane may be cut off, and moves nothing"
      }
    }
  }
}

/// How it is known that an agent is gone.
public enum DeathEvidence: String, Hashable, Sendable, CaseIterable {
  /// Its side closed or reset the connection. A time-out of ours is no such evidence.
  case connectionClosed
  /// Whoever watches its process saw it end.
  case processEnded
  /// It said that it ends, and serves nothing any more.
  case leftOrderly

  /// Whether the process is known to have stopped. A connection may close although its process lives
  /// on: then work moves, but leases must run out first.
  public var endsProcess: Bool {
    switch self {
    case .connectionClosed: false
    case .processEnded, .leftOrderly: true
    }
  }
}

/// Why the work of a node is moved.
public enum LossEvidence: Hashable, Sendable, CaseIterable {
  /// It was silent for too long.
  case silence
  /// It beats, but its workers have not got on for too long.
  case stuck
  case death(DeathEvidence)
  /// An operator wants it forgotten.
  case forgotten

  public static let allCases: [LossEvidence] =
    DeathEvidence.allCases.map { LossEvidence.death($0) }
    + [LossEvidence.silence, LossEvidence.stuck, LossEvidence.forgotten]

  /// The same in the words for changes of states: why the node is unavailable.
  public var reason: NodeChangeReason {
    switch self {
    case .silence: .silent
    case .stuck: .stuck
    case .death(let evidence): NodeChangeReason(evidence)
    case .forgotten: .forgotten
    }
  }

  /// Whether nothing can run there any more, so that nobody need wait for a lease.
  public var isCertain: Bool {
    switch self {
    case .silence, .stuck, .forgotten: false
    case .death(let evidence): evidence.endsProcess
    }
  }
}

extension NodeChangeReason {
  init(_ evidence: DeathEvidence) {
    switch evidence {
    case .connectionClosed: self = .connectionClosed
    case .processEnded: self = .processEnded
    case .leftOrderly: self = .leftOrderly
    }
  }
}

/// Why a registration does not count.
public enum RegistrationProblem: Hashable, Sendable {
  /// A newer start of the agent has registered.
  case olderIncarnation(current: Incarnation)
  /// This start of the agent is known to have ended.
  case endedIncarnation
  case tooManyNodes(limit: Int)

  /// The refusal as the node and its operator hear it.
  public var problem: Problem {
    switch self {
    case .olderIncarnation(let current):
      Problem(
        .conflict, code: "node_incarnation_older",
        "a newer agent of this node has registered", cause: "incarnation \(current.number)",
        next: "Run one agent for each node name: end this one. If there is no other, the clock was "
          + "ahead once: forget the node (DELETE /v1/nodes/NODE), remove the folder identity from "
          + "the data folder of this agent, and start it with a new token "
          + "(`wasmatrix token create --join --node NODE`).")
    case .endedIncarnation:
      Problem(
        .conflict, code: "node_incarnation_ended",
        "this start of the agent is known to have ended", next: "Start the agent again.")
    case .tooManyNodes(let limit):
      Problem(
        .overloaded, code: "nodes_too_many", "there are \(limit) nodes already",
        next: "Remove nodes that are gone, see `wasmatrix nodes`.")
    }
  }
}
