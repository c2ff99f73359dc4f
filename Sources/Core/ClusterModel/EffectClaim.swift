/// By what right something that ran on a node has its effects.
public enum EffectClaim: Hashable, Sendable {
  /// What may serve on when isolated needs none.
  case none
  /// Under the fence that the placement has on its node, as the node knows it.
  case fence(PlacementID, PlanVersion)
  /// A hand started it there, whatever plans say.
  case byHand
}
