/// A module that somebody holds on a node by hand, beside what the plan wants there.
public struct HeldByHand: Hashable, Sendable {
  public var placement: PlacementID
  public var version: ModuleVersion
  public var digest: ModuleDigest
  /// From the first request until it was ready.
  public var took: Duration
  /// Whether it is there because the plan has it serve, and nothing is held by hand.
  public var isPlanned: Bool

  public init(_ deployment: Deployment, took: Duration, isPlanned: Bool = false) {
    placement = deployment.placement
    version = deployment.version
    digest = deployment.digest
    self.took = took
    self.isPlanned = isPlanned
  }
}

/// Why a placement is on its node: the role that a plan gave it, or somebody's hand.
public enum PlacementStanding: String, Sendable, Codable, CaseIterable {
  case active, fallback, retained
  case byHand = "by_hand"

  public init(_ role: PlacementRole) {
    switch role {
    case .active: self = .active
    case .fallback: self = .fallback
    case .retained: self = .retained
    }
  }
}
