public import ClusterModel
public import Supervision

/// A supervisor or service, and all beneath it, as `doctor` shows it.
public struct SupervisionStatus: Hashable, Sendable, Codable {
  public let name: String
  public let kind: ChildKind
  public let state: ChildState
  /// Restarts that its own failures caused, since its supervisor was started.
  public let restarts: Int
  /// How often it was started, since its supervisor was.
  public let starts: Int
  /// How its previous incarnation has ended, for people: "failed: killed"; `nil` when none has.
  public let lastExit: String?
  /// Since when it is in this state; `nil` before the first start.
  public let since: WallInstant?
  /// `nil` for a service.
  public let strategy: SupervisionStrategy?
  /// In the order of their start; empty for a service.
  public let children: [SupervisionStatus]
}

extension SupervisionStatus {
  /// All restarts in this tree.
  public var totalRestarts: Int { children.reduce(restarts) { $0 + $1.totalRestarts } }

  /// What lies at `path`, relative to this: `events/router`.
  public subscript(path: String) -> SupervisionStatus? {
    path.split(separator: "/").reduce(self as SupervisionStatus?) { status, name in
      status?.children.first { $0.name == name }
    }
  }

  init(_ child: ChildStatus, strategy: SupervisionStrategy?, children: [SupervisionStatus]) {
    self.init(
      name: child.id.text, kind: child.kind, state: child.state, restarts: child.restarts,
      starts: child.starts, lastExit: child.lastExit?.text, since: child.since,
      strategy: strategy, children: children)
  }
}

extension SupervisorState {
  /// How a supervisor without a supervisor of its own is doing.
  var asChild: ChildState {
    switch self {
    case .notStarted: .notStarted
    case .starting, .restarting: .starting
    case .running: .running
    case .stopping: .stopping
    case .ended: .ended
    }
  }
}
