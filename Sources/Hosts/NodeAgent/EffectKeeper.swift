import ClusterModel
import HostPorts

/// Makes durable what modules did on this node, before anybody hears that it is done.
///
///     published alone ──> the outbox of the node, whether or not the control plane is there
///     wrote state, or must stop when isolated ──> the control plane, in one transaction, under a fence
///
/// State is the control plane's, and what is published beside it goes with it. So does everything of a module
/// that must stop when isolated: nothing of it may come to the log once another has taken over. The control plane
/// sees to that by the fence: what is on its way may stand still there for as long as the network likes.
struct EffectKeeper: Sendable {
  let plane: any ControlPlaneConnection
  /// `nil` where there is none: in the process of the control plane itself.
  let outbox: OutboxEntry?
  let clock: any HostClock

  /// How long it waits for the plan that brings a newer fence, and how often it looks for it.
  private static let (patience, look) = (NodeAgent.planPatience, Duration.milliseconds(5))

  /// - Parameters:
  ///   - right: given for what must stop when isolated.
  ///   - cause: what the events come of.
  /// - Throws: ``Problem``: what `Outbox` or the control plane says. `control_plane_lost`: it may have been done.
  func keep(
    _ effects: ActivationEffects, of activation: DeniedActivation, by right: EffectRight?,
    on cause: Event
  ) async throws(Problem) {
    if let right {
      try await commit(effects, of: activation, by: right)
    } else if let outbox, effects.writes.isEmpty {
      try await outbox.accept(effects.published, of: cause, by: activation.module)
    } else {
      try await plane.commit(effects, of: activation, under: .none)
    }
  }

  private func commit(
    _ effects: ActivationEffects, of activation: DeniedActivation, by right: EffectRight
  ) async throws(Problem) {
    let deadline = clock.now().monotonic + Self.patience
    while true {
      // Before the lease is looked at: who stands still in between claims what it had then.
      let claim = right.claim()
      let now = clock.now().monotonic
      guard let claim, right.holds(now), now < deadline, !Task.isCancelled else {
        throw Problem.leaseOver
      }
      do throws(Problem) {
        return try await plane.commit(effects, of: activation, under: claim)
      } catch {
        guard error.code == Problem.fenceReplaced.code else { throw error }
      }
      // Cancelled: looked at above.
      try? await Task.sleep(for: Self.look)
    }
  }
}
