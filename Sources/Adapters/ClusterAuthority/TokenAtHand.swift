import ClusterModel

/// The token that an agent was started with, when its node has joined before.
///
///     given ──the one it joined with──────────> used <──joined── needed ──refused──> none
///       ├──of another authority──────────────────────────────────> ▲
///       └──of an authority that is known──> spare ──renewal refused┘
///                                             └──renewed──> none
enum TokenAtHand: Sendable {
  case none
  /// It is good for nothing more, and may stay where it was given.
  case used
  /// Whether it is needed a renewal tells, which is asked for at once.
  case spare(AccessToken)
  /// Only joining is left.
  case needed(AccessToken)
}
