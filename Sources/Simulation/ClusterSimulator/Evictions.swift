import ClusterModel

/// Nodes that are let in no more: forgotten, or evicted while they are alive. From when the control plane has
/// hung up on one until it lets it in again
///
/// - it is no node: nobody knows it, and neither work nor plans are sent there;
/// - what must stop when isolated serves there until its lease is over, and no longer;
/// - so long counts what that did there, and no longer.
struct Evictions {
  /// Since when.
  private(set) var gone: [NodeID: Int64] = [:]

  /// How long a lease may run on, whatever the clock of its node says.
  static let lease = LeaseRules.expiry.nanosecondCount
  /// The same as the control plane counts, whose clock may be wrong, too.
  static let patience =
    (LeaseRules.expiry + LeaseRules.expiry / LeaseRules.driftDivisor).nanosecondCount

  func isGone(_ node: NodeID) -> Bool { gone[node] != nil }

  mutating func goes(_ node: NodeID, at now: Int64) { gone[node] = gone[node] ?? now }

  /// - Returns: whether it had gone.
  mutating func isLetIn(_ node: NodeID) -> Bool { gone.removeValue(forKey: node) != nil }

  // What may not be so; nothing when all is well.

  /// The control plane, or its store, knows these.
  func areKnown(_ isKnown: (NodeID) -> Bool) -> [String] {
    gone.keys.sorted().filter(isKnown).map { "\($0) was let in no more, and is a node" }
  }

  /// Something leaves for a node.
  func isSent(_ what: String, to node: NodeID) -> [String] {
    isGone(node) ? ["\(what) is sent to \(node), which was let in no more"] : []
  }

  /// It goes on.
  func serves(_ agent: SimulatedAgent, at now: Int64) -> [String] {
    guard let since = gone[agent.node], now - since > Self.lease, agent.isUp, !agent.isFrozen else {
      return []
    }
    return agent.exclusive.map { name in
      "\(agent.node) was let in no more, its lease is over, and it serves \(name)"
    }
  }

  /// Something that it did is let through.
  func acts(on node: NodeID, at now: Int64) -> [String] {
    guard let since = gone[node], now - since > Self.patience else { return [] }
    return ["\(node) was let in no more, its lease is over, and it acts"]
  }
}
