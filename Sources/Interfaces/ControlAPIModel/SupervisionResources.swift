public import ClusterModel
public import Supervision

/// A supervisor or service, and all beneath it.
public typealias SupervisionResource = SupervisionStatus

/// The body of `POST /v1/supervision/kill`, and its answer.
public struct KillRequest: Hashable, Sendable, Codable {
  /// From the top on: `main/events/router`.
  public var child: String
  /// Whose agent it is a part of; missing for the server.
  public var node: NodeID?
  public init(child: String, node: NodeID? = nil) {
    self.child = child
    self.node = node
  }
}

/// The body of `POST /v1/nodes/{node}/chaos`, and its answer.
public struct DisturbRequest: Hashable, Sendable, Codable {
  public enum Action: String, Sendable, Codable, CaseIterable { case kill, freeze, partition }
  public var action: Action
  /// How long; not for `kill`.
  public var milliseconds: Int?

  public init(_ disturbance: NodeDisturbance) {
    switch disturbance {
    case .kill: action = .kill
    case .freeze(let duration): (action, milliseconds) = (.freeze, Self.milliseconds(duration))
    case .partition(let duration):
      (action, milliseconds) = (.partition, Self.milliseconds(duration))
    }
  }

  private static func milliseconds(_ duration: Duration) -> Int {
    Int(duration.nanoseconds / 1_000_000)
  }

  /// - Throws: ``Problem`` `disturbance_invalid`.
  public func disturbance() throws(Problem) -> NodeDisturbance {
    if action == .kill { return .kill }
    let longest = Self.milliseconds(NodeDisturbance.durations.upperBound)
    guard let milliseconds, (1...longest).contains(milliseconds) else {
      throw Problem(
        .invalidInput, code: "disturbance_invalid", "it is not said for how long",
        next: "Give milliseconds, 1 to \(longest).")
    }
    let duration = Duration.milliseconds(milliseconds)
    return action == .freeze ? .freeze(duration) : .partition(duration)
  }
}
