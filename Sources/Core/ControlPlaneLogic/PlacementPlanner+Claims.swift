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
//     holds ──its node has a newer fence, or nobody knows yet who serves──> replaced
//       └──lost, moved, ended, and its lease is over──> over
extension PlacementPlanner {
  /// What is not meant to serve any more and may do so all the same: its node has not heard of it.
  struct Leaving: Hashable, Sendable {
    let claim: EffectClaim
    /// When the lease is over that it may still have.
    let until: MonotonicInstant
  }

  /// - Parameter name: whose effects they are.
  func judge(
    _ claim: EffectClaim, of name: QualifiedName, on node: NodeID, at now: MonotonicInstant
  ) -> ClaimVerdict {
    let current = byName[name, default: []].lazy.compactMap { works[$0] }.first { $0.isCurrent }
    switch claim {
    case .byHand: return .holds
    case .none:
      // An agent of an earlier release does not say under which fence: then its node has to be meant to serve.
      guard let current, current.mustStopAlone else { return .holds }
      let mayServe =
        current.seats[node]?.isChosen == true
        || leaving[name]?[node].map { now < $0.until } == true
      return mayServe ? .holds : .over
    case .fence(let placement, let fence):
      guard placement.name == name else { return .over }
      if let leaving = leaving[name]?[node], leaving.claim == claim, now < leaving.until {
        return .holds
      }
      if let current, let seat = current.seats[node], seat.isChosen {
        if claim == seat.succeeds { return .holds }
        guard placement == current.subject.placement else { return .over }
        if fence == seat.fence { return .holds }
        return fence < seat.fence ? .replaced : .over
      }
      // An earlier control plane may have had others serve since, of which this one does not know.
      return foreignLeasesUntil.map { now < $0 } == true ? .replaced : .over
    }
  }

  /// It serves no more there, as far as this control plane goes.
  mutating func leave(_ claim: EffectClaim, of name: QualifiedName, on node: NodeID) {
    leaving[name, default: [:]][node] = Leaving(claim: claim, until: leaseEnd(of: node))
  }

  /// What was left there has stopped.
  mutating func forgetLeaving(on node: NodeID) {
    for name in leaving.keys.sorted() { leaving[name]?[node] = nil }
  }
}
