import ClusterModel
import HostPorts

/// Makes durable what modules did on this node, before anybody hears that it is done.
///
///     published alone ──> the outbox of the node, whether or not the control plane is there
///     wrote state, or must stop when isolated ──> the control plane, in one transaction
///
/// State is the control plane's, and what is published beside it goes with it. So does everything of a module
/// that must stop when isolated: nothing of it may come to the log once another has taken over.
struct EffectKeeper: Sendable {
  let plane: any ControlPlaneConnection
  /// `nil` where there is none: in the process of the control plane itself.
  let outbox: OutboxEntry?

  /// - Parameter cause: what the events come of.
  /// - Throws: ``Problem``: what `Outbox` or the control plane says. `control_plane_lost`: it may have been done.
  func keep(
    _ effects: ActivationEffects, of activation: DeniedActivation, _ deployment: Deployment,
    on cause: Event
  ) async throws(Problem) {
    if let outbox, effects.writes.isEmpty, !deployment.mustStopAlone {
      try await outbox.accept(effects.published, of: cause, by: activation.module)
    } else {
      try await plane.commit(effects, of: activation)
    }
  }
}
