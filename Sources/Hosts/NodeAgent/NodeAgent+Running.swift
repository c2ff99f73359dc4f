import ClusterModel
import HostPorts
import NodeAgentLogic

// Running what the node holds.
extension NodeAgent {
  nonisolated func run(
    _ id: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport {
    guard let placement = await placementInTime(id, under: fence) else {
      return notServed(id.name)
    }
    return await runner.run(placement, under: fence, on: event, attempt: attempt)
  }

  /// The placement, when activations under this fence may begin or can in a moment.
  private func placementInTime(_ id: PlacementID, under fence: PlanVersion) async -> Placement? {
    let deadline = clock.now().monotonic + Self.planPatience
    while !logic.serves(id, under: fence), logic.mayServeLater(id, under: fence), !hasEnded,
      clock.now().monotonic < deadline
    {
      // A heartbeat comes at the latest, so that this does not wait for ever.
      await change()
    }
    return logic.serves(id, under: fence) ? runner.placement(id) : nil
  }

  /// Whether an activation may begin without a look at the plan: the way of nearly all of them.
  nonisolated func placement(_ id: PlacementID, under fence: PlanVersion) -> Placement? {
    runner.placement(id, under: fence)
  }

  /// What serves here.
  nonisolated var serving: [Placement] { runner.allServing }

  /// The placement that serves under a name, if one does here.
  nonisolated func serving(_ name: QualifiedName) -> Placement? { runner.serving(name) }

  /// The fence that it has now; `nil` when it serves no more.
  nonisolated func fence(of placement: Placement) -> PlanVersion? {
    runner.fence(of: placement.deployment.placement)
  }

  /// Makes durable what ran under a fence did.
  nonisolated func keep(
    _ effects: ActivationEffects, of placement: Placement, under fence: PlanVersion,
    on event: Event
  ) async throws(Problem) {
    try await runner.keep(effects, of: placement, under: fence, on: event)
  }

  nonisolated func run(
    _ placement: Placement, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport {
    await runner.run(placement, under: fence, on: event, attempt: attempt)
  }

  /// Runs what serves here, under the fence that it has now.
  nonisolated func run(_ placement: Placement, on event: Event) async -> ActivationReport {
    let deployment = placement.deployment
    guard let fence = runner.fence(of: deployment.placement) else {
      return notServed(deployment.qualifiedName)
    }
    return await runner.run(placement, under: fence, on: event, attempt: 1)
  }

  private nonisolated func notServed(_ name: QualifiedName) -> ActivationReport {
    ActivationReport(
      result: .failure(
        ActivationFailure(
          code: .unavailable, message: "\(name) does not serve on \(registration.node)")))
  }
}
