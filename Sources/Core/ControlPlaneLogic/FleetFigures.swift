public import NodeTracking

/// A fleet in numbers: how its nodes are, and what became of them and of what they held since a control plane began.
public struct FleetFigures: Hashable, Sendable {
  /// Nodes by state, their losses, and suspicions.
  public var tally: FleetTally
  /// How many placements served on nodes that were lost, and are for others to take over. Also of a node whose agent
  /// began anew before its end was noticed, which is no loss of the node.
  public var movedPlacements: Int
  /// How many placements of these are served neither elsewhere nor there again, and are still wanted. One that was lost
  /// with several nodes counts once.
  public var missingPlacements: Int
  /// How many nodes have a circuit breaker that is open.
  public var openBreakers: Int

  /// By default of a fleet without nodes.
  public init(
    tally: FleetTally = FleetTally(), movedPlacements: Int = 0, missingPlacements: Int = 0,
    openBreakers: Int = 0
  ) {
    self.tally = tally
    self.movedPlacements = movedPlacements
    self.missingPlacements = missingPlacements
    self.openBreakers = openBreakers
  }
}

extension ControlPlaneLogic {
  /// The fleet as it is now. It costs nothing to ask.
  public var figures: FleetFigures {
    FleetFigures(
      tally: tracker.tally, movedPlacements: planner?.movedPlacements ?? 0,
      missingPlacements: planner?.failovers.count ?? 0,
      openBreakers: brokenNodes.count)
  }
}
