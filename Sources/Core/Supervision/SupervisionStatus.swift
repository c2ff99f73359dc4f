public import ClusterModel

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

  public init(
    name: String, kind: ChildKind, state: ChildState, restarts: Int, starts: Int,
    lastExit: String?, since: WallInstant?, strategy: SupervisionStrategy?,
    children: [SupervisionStatus]
  ) {
    self.name = name
    self.kind = kind
    self.state = state
    self.restarts = restarts
    self.starts = starts
    self.lastExit = lastExit
    self.since = since
    self.strategy = strategy
    self.children = children
  }
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
}
