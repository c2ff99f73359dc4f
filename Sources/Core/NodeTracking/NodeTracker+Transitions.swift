public import ClusterModel

/// One state of a node after another.
public struct NodeTransition: Hashable, Sendable {
  /// `nil` for a node that was not known.
  public let from: NodeState?
  public let to: NodeState

  init(_ from: NodeState?, _ to: NodeState) {
    self.from = from
    self.to = to
  }
}

extension NodeTracker {
  /// Every transition there is: those of the drawing, from state to state.
  public static let transitions: [NodeTransition] = [
    NodeTransition(nil, .healthy),
    NodeTransition(nil, .suspect),
    NodeTransition(.healthy, .degraded),
    NodeTransition(.healthy, .suspect),
    NodeTransition(.healthy, .unavailable),
    NodeTransition(.healthy, .recovered),
    NodeTransition(.degraded, .healthy),
    NodeTransition(.degraded, .suspect),
    NodeTransition(.degraded, .unavailable),
    NodeTransition(.degraded, .recovered),
    NodeTransition(.suspect, .healthy),
    NodeTransition(.suspect, .degraded),
    NodeTransition(.suspect, .unavailable),
    NodeTransition(.suspect, .recovered),
    NodeTransition(.unavailable, .recovered),
    NodeTransition(.recovered, .healthy),
    NodeTransition(.recovered, .degraded),
    NodeTransition(.recovered, .suspect),
    NodeTransition(.recovered, .unavailable),
  ]

  /// Changes the state of a node, and says so. The only place where a state changes.
  mutating func change(
    _ id: NodeID, to state: NodeState, _ reason: NodeChangeReason, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard let node = nodes[id] else { return }
    let from = node.state
    precondition(
      Self.transitions.contains(NodeTransition(from, state)), "\(from) -> \(state) is not drawn")
    tally.changed(from, node.reason, to: state, reason)
    nodes[id]?.state = state
    nodes[id]?.reason = reason
    nodes[id]?.changedAt = now.wall
    directives.append(.stateChanged(id, from: from, to: state, reason))
  }

  /// The work of a node is to be moved.
  mutating func lose(
    _ id: NodeID, _ evidence: LossEvidence, _ now: Instants, _ directives: inout [Directive]
  ) {
    change(id, to: .unavailable, evidence.reason, now, &directives)
    tally.lost(evidence)
    nodes[id]?.loss = evidence
    nodes[id]?.adoption = .lost
    nodes[id]?.graceUntil = nil
    let window = silentWindow
    nodes[id]?.silentUntil = evidence == .silence ? now.monotonic + window : nil
    directives.append(.moveWork(from: id, evidence))
    recount(id)
  }

  /// A node came back, or another incarnation of it: what it holds is to be compared.
  mutating func recover(
    _ id: NodeID, _ reason: NodeChangeReason, _ now: Instants, _ directives: inout [Directive]
  ) {
    if nodes[id]?.state != .recovered { change(id, to: .recovered, reason, now, &directives) }
    nodes[id]?.loss = nil
    nodes[id]?.silentUntil = nil
    nodes[id]?.adoption = .awaited
    directives.append(.adopt(id))
  }

  /// What a node holds has been compared. That was for nothing if it was lost again meanwhile.
  mutating func settle(_ id: NodeID, _ now: Instants, _ directives: inout [Directive]) {
    guard let node = nodes[id], node.adoption == .awaited else { return }
    nodes[id]?.adoption = .settled
    if node.state == .recovered {
      change(id, to: node.condition.state, .adopted, now, &directives)
    }
  }
}
