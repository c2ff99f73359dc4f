public import ClusterModel

/// What a child is doing.
public enum ChildState: String, Hashable, Sendable, Codable, CaseIterable {
  case notStarted
  case starting
  case running
  /// It was asked to end and has not yet.
  case stopping
  /// It failed and will be started again when its back-off is over.
  case waiting
  /// Its supervisor, or someone who asked for it, took it down.
  case stopped
  /// It has ended by itself and stays so.
  case ended
}

/// What a supervisor is doing.
public enum SupervisorState: String, Hashable, Sendable, Codable, CaseIterable {
  case notStarted
  /// It starts children, for the first time or again, one after the other.
  case starting
  /// It stops some children in order to start them again.
  case restarting
  case running
  case stopping
  case ended
}

/// One child as people see it.
public struct ChildStatus: Hashable, Sendable {
  public let id: ChildID
  public let kind: ChildKind
  public let state: ChildState
  /// Restarts that its own failures caused; it may have been started more often, with its group.
  public let restarts: Int
  /// How often it was started.
  public let starts: Int
  /// How its latest incarnation that is no more has ended; `nil` when none has.
  public let lastExit: ChildExit?
  /// Since when it is in this state; `nil` before the first start.
  public let since: WallInstant?

  public init(
    id: ChildID, kind: ChildKind, state: ChildState, restarts: Int, starts: Int,
    lastExit: ChildExit?, since: WallInstant?
  ) {
    self.id = id
    self.kind = kind
    self.state = state
    self.restarts = restarts
    self.starts = starts
    self.lastExit = lastExit
    self.since = since
  }
}

extension Supervisor {
  /// What it is doing.
  public var state: SupervisorState {
    switch work {
    case .notStarted: .notStarted
    case .starting: .starting
    case .stopping(_, _, then: .restart): .restarting
    case .stopping(_, _, then: .end): .stopping
    case .attending: .running
    case .ended: .ended
    }
  }

  /// Its children in the order of their start, without temporary ones that have ended.
  public var status: [ChildStatus] {
    children.map { child in
      ChildStatus(
        id: child.rules.id, kind: child.rules.kind, state: child.state, restarts: child.restarts,
        starts: child.incarnation, lastExit: child.lastExit, since: child.since)
    }
  }

  /// Whether a child with this name is there, temporary ones that have ended not counted.
  public func has(_ id: ChildID) -> Bool { index(of: id) != nil }
}

extension Supervisor.Child {
  fileprivate var state: ChildState {
    switch phase {
    case .down(.notStarted): .notStarted
    case .down(.stopped): .stopped
    case .down(.ended): .ended
    case .starting: .starting
    case .running: .running
    case .stopping: .stopping
    case .waiting: .waiting
    }
  }
}
