public import ClusterModel

/// A decision, and what became of every node in it.
public struct PlacementExplanation: Hashable, Sendable, Codable {
  public var decision: SchedulingDecision
  /// The chosen first, then the fallbacks, then the others, best first, then those that cannot run it,
  /// by name.
  public var verdicts: [NodeVerdict]

  public init(decision: SchedulingDecision, verdicts: [NodeVerdict]) {
    self.decision = decision
    self.verdicts = verdicts
  }
}

/// What became of a node in a decision, and why.
public struct NodeVerdict: Hashable, Sendable, Codable {
  public enum Outcome: String, Hashable, Sendable, Codable, CaseIterable {
    case selected, fallback
    /// It may run it; others are better.
    case outscored
    /// It may not run it.
    case rejected
  }

  public var node: NodeID
  public var outcome: Outcome
  /// Every reason why it may not run it; empty when it may.
  public var rejections: [Rejection]
  /// Its factors when it was its turn; missing when it was rejected.
  public var factors: DecisionFactors?
  /// The mean of the factors by their weights; missing when it was rejected.
  public var score: Double?
  /// Round trip from the origin in milliseconds, measured or estimated; missing when unknown.
  public var latencyMilliseconds: Double?
  /// Where that is known from; missing when it is not.
  public var latencySource: LatencySource?
  /// From the origin; missing when unknown.
  public var distanceKilometres: Double?
  /// One sentence for people.
  public var reason: String

  public init(
    node: NodeID, outcome: Outcome, rejections: [Rejection] = [], factors: DecisionFactors? = nil,
    score: Double? = nil, latencyMilliseconds: Double? = nil,
    latencySource: LatencySource? = nil, distanceKilometres: Double? = nil, reason: String
  ) {
    self.latencySource = latencySource
    self.node = node
    self.outcome = outcome
    self.rejections = rejections
    self.factors = factors
    self.score = score
    self.latencyMilliseconds = latencyMilliseconds
    self.distanceKilometres = distanceKilometres
    self.reason = reason
  }
}

/// Where a round trip is known from.
public enum LatencySource: String, Hashable, Sendable, Codable, CaseIterable {
  /// By nodes, lately.
  case measured
  /// From the distance.
  case estimated
}

/// Why a node may not run a module.
public struct Rejection: Hashable, Sendable, Codable {
  public enum Code: String, Hashable, Sendable, Codable, CaseIterable {
    case unavailable, suspect, cordoned, draining, breakerOpen = "breaker_open"
    case excluded, architecture, cpuFeatures = "cpu_features", hardware, labels, memory
    case tooFar = "too_far", distanceUnknown = "distance_unknown"
  }

  public var code: Code
  /// For people.
  public var detail: String

  public init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }
}
