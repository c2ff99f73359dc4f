public import ClusterModel

/// How many nodes are in which state, and what became of nodes since a tracker began. It is kept up to date with each
/// change, so that nobody goes over a large fleet to count.
public struct FleetTally: Hashable, Sendable {
  private var states: [NodeState: Int] = [:]
  private var losses: [LossEvidence: Int] = [:]
  /// How often nodes were suspected because they were silent.
  public private(set) var suspicions = 0
  /// How often a node that was suspected was heard again before it was lost.
  public private(set) var withdrawnSuspicions = 0

  /// Of a tracker that knows no node yet.
  public init() {}

  /// How many nodes are known that are in a state.
  public func nodes(_ state: NodeState) -> Int { states[state] ?? 0 }

  /// How often nodes were lost because of this; what comes to be known of a loss afterwards does not count again.
  public func losses(_ evidence: LossEvidence) -> Int { losses[evidence] ?? 0 }

  /// A node is known from now on.
  mutating func came(_ state: NodeState) { states[state, default: 0] += 1 }

  /// It is known no more.
  mutating func went(_ state: NodeState) { states[state, default: 0] -= 1 }

  /// The state of a node is another one.
  mutating func changed(
    _ old: NodeState, _ oldReason: NodeChangeReason, to new: NodeState, _ reason: NodeChangeReason
  ) {
    went(old)
    came(new)
    if new == .suspect { suspicions += 1 }
    // One that was expected is in this state, too, and nobody has missed it.
    if old == .suspect, oldReason == .silent, reason == .heardAgain { withdrawnSuspicions += 1 }
  }

  mutating func lost(_ evidence: LossEvidence) { losses[evidence, default: 0] += 1 }
}
