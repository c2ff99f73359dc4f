public import ClusterModel
import Supervision

/// One run of a service: a fresh instance.
public struct ServiceRunID: Hashable, Comparable, Sendable {
  public let placement: PlacementID
  /// Unique within an incarnation of the agent, and growing.
  public let number: UInt64
  /// How often this service was started since its application began here, this time included.
  public let start: Int

  public init(placement: PlacementID, number: UInt64, start: Int) {
    self.placement = placement
    self.number = number
    self.start = start
  }

  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

extension ServiceTree {
  /// The same for the machine that runs it.
  var plan: SupervisionPlan {
    SupervisionPlan(
      strategy: strategy, intensity: intensity, backOff: backOff,
      children: children.map { child in
        switch child {
        case .service(let module, let restart, let shutdown):
          .service(
            ChildID(unchecked: module.text), restart: restart, shutdown: shutdown.policy)
        case .group(let name, let tree):
          .supervisor(ChildID(unchecked: name.text), tree.plan)
        }
      })
  }
}

extension ServiceShutdown {
  fileprivate var policy: ShutdownPolicy {
    switch self {
    case .within(let duration): .within(duration)
    case .kill: .brutalKill
    }
  }
}
