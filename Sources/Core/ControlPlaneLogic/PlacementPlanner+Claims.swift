import ClusterModel

/// What is said to a claim to effects.
public enum ClaimVerdict: Hashable, Sendable {
  case holds
  /// Its node has a newer fence, of which it may not have heard yet.
  case replaced
  /// Another may serve already, or will.
  case over
}

// Who may have effects. What must stop when isolated has none any more once another may serve: what its node sent
// before it stood still may come after that.
//
//     holds ──its node has a newer fence──> replaced
//       └──lost, moved, ended, and its lease is over──> over
extension PlacementPlanner {
  /// - Parameter name: whose effects they are.
  func judge(
    _ claim: EffectClaim, of name: QualifiedName, on node: NodeID, at now: MonotonicInstant
  ) -> ClaimVerdict {
    let current = byName[name, default: []].lazy.compactMap { works[$0] }.first { $0.isCurrent }
    switch claim {
    case .byHand: return .holds
    case .none: return current?.mustStopAlone == true ? .over : .holds
    case .fence(let placement, let fence):
      guard placement.name == name else { return .over }
      if mayServeOn(name, node, at: now) { return .holds }
      guard let current, let seat = current.seats[node], seat.isChosen else { return .over }
      if claim == seat.succeeds { return .holds }
      guard placement == current.subject.placement else { return .over }
      if fence == seat.fence { return .holds }
      return fence < seat.fence ? .replaced : .over
    }
  }

  /// Whether nobody takes over from that node yet, although it is not meant to serve.
  private func mayServeOn(
    _ name: QualifiedName, _ node: NodeID, at now: MonotonicInstant
  ) -> Bool {
    // Nobody takes over anything before what an earlier control plane granted is over.
    if let until = foreignLeasesUntil, now < until { return true }
    if let until = departed[name]?[node], now < until { return true }
    return byName[name, default: []].contains { id in
      works[id]?.endings[node].map { now < $0 } ?? false
    }
  }
}
