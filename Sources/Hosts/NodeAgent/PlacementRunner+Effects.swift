import ClusterModel
import HostPorts
import Synchronization

// What modules do beyond computing, and by what right.
extension PlacementRunner {
  /// Makes durable what an activation did that nobody else keeps.
  ///
  /// - Parameter fence: under which it ran.
  func keep(
    _ effects: ActivationEffects, of placement: Placement, under fence: PlanVersion,
    on event: Event
  ) async throws(Problem) {
    try await keeper.keep(
      effects, of: activation(of: placement, on: event), by: right(of: placement, under: fence),
      on: event)
  }

  func activation(of placement: Placement, on event: Event) -> DeniedActivation {
    let deployment = placement.deployment
    return DeniedActivation(
      module: deployment.qualifiedName, version: deployment.version, node: id, eventID: event.id)
  }

  /// Of an activation; `nil` for what may serve on when isolated.
  func right(of placement: Placement, under fence: PlanVersion) -> EffectRight? {
    guard placement.deployment.mustStopAlone else { return nil }
    let id = placement.deployment.placement
    return EffectRight { [lease] now in
      lease.holds(at: now) && self.placement(id, under: fence) != nil
    } claim: {
      .fence(id, fence)
    }
  }

  /// Of a service, which goes on when its placement gets a newer fence, and on its way down has effects under the last
  /// one that it had.
  ///
  /// - Parameter claim: what it begins with; `nil` when its placement served no more by then.
  func right(
    of placement: Placement, _ instance: ServiceInstance, beginningWith claim: EffectClaim?
  ) -> EffectRight? {
    guard placement.deployment.mustStopAlone else { return nil }
    let id = placement.deployment.placement
    let last = LastClaim(claim)
    return EffectRight { [lease, effects = instance.effects] now in
      lease.holds(at: now) && effects.holds(at: now)
    } claim: {
      last.now(self.fence(of: id).map { .fence(id, $0) })
    }
  }

  /// The claim of a service as it was last.
  private final class LastClaim: Sendable {
    private let claim: Mutex<EffectClaim?>

    init(_ claim: EffectClaim?) { self.claim = Mutex(claim) }

    /// - Parameter newest: `nil` when its placement does not serve any more.
    func now(_ newest: EffectClaim?) -> EffectClaim? {
      claim.withLock { claim in
        if case .fence = claim, let newest { claim = newest }
        return claim
      }
    }
  }
}
