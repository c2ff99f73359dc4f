import ClusterModel

// Without a control plane since the start: the standing plan.
//
//     started ──no control plane for a while──> recalling ──sealed, of this node, newest, not expired──> alone
//        │                                         │                                                      │
//        │                                         └──none, or not to be obeyed──> waits                  │ expired,
//        └──welcome──> as the control plane says <──────────────welcome───────────────────────────────────┤ refused
//                                                                                                         ▼
//                                                                                            holds nothing, waits
//
// What must stop when isolated never serves here: it needs a lease, and there is nobody to give one.
extension NodeAgentLogic {
  /// How long a control plane is waited for before the standing plan is looked for: an agent that starts together
  /// with it need not run first what it was told before.
  static let alonePatience = Duration.seconds(1)
  /// How soon a standing plan is looked at again when the clock was behind it.
  static let clockPatience = Duration.seconds(10)

  /// A control plane should be there soon; when not, there may be a standing plan.
  mutating func expectControlPlane(_ now: Instants) {
    guard plan == .zero, !isLeaving else { return }
    recallAt = now.monotonic + Self.alonePatience
  }

  /// Whether a control plane is there, or just about to be.
  private var hasControlPlane: Bool {
    switch link {
    case .attaching, .attached, .refused: true
    case .closed, .opening, .ended: false
    }
  }

  mutating func wakeAlone(_ now: Instants, _ directives: inout [Directive]) {
    if let at = recallAt, at <= now.monotonic {
      recallAt = nil
      // When that breaks off before it has said anything, this begins anew (`closeLink`).
      if !hasControlPlane { directives.append(.recall) }
    }
    if let at = aloneUntil, at <= now.monotonic { endStanding(.expired, now, &directives) }
  }

  mutating func recalled(
    _ found: StandingPlan?, seen: PlanVersion, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let found, plan == .zero, !hasControlPlane, link != .ended, !isLeaving else { return }
    do throws(Problem) {
      try StandingPlanRules.check(found, on: registration.node, seen: seen, at: now.wall)
    } catch {
      if error.code == StandingPlanRules.clockBehind {
        recallAt = now.monotonic + Self.clockPatience
      }
      directives.append(.report(.standingRefused(error)))
      return
    }
    // From here on the clock may be set as it will.
    aloneUntil = now.monotonic + (found.expiresAt - now.wall)
    term = max(term, found.version.term)
    directives.append(.report(.obeysAlone(found.version, until: found.expiresAt)))
    obey(found.plan(for: registration.incarnation), now, &directives)
  }

  /// What was obeyed alone is held no more.
  mutating func endStanding(
    _ end: StandingEnd, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard aloneUntil != nil else { return }
    aloneUntil = nil
    directives.append(.report(.standingEnded(end)))
    for placement in held.keys.sorted() {
      if held[placement]?.serving != nil { directives.append(.pause(placement)) }
      // A hand may hold the same.
      discard(placement, &directives)
    }
    held = [:]
    servicesMayDiffer = true
    hasNews = true
  }

  /// The control plane is there, and wants nothing of this node.
  mutating func refuseLink(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    closeLink(now, &random)
    recallAt = nil
    endStanding(.refused, now, &directives)
  }

  /// A newer plan than this one is obeyed, or not yet: its own comes.
  mutating func keep(_ sealed: SealedPlan, _ directives: inout [Directive]) {
    guard sealed.plan.version == plan, sealed.plan.node == registration.node, aloneUntil == nil
    else { return }
    directives.append(.keepStanding(sealed))
  }
}
