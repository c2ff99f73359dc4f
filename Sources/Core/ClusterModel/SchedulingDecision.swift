/// Where a module is to run, and why: the document's SchedulingDecision.
public struct SchedulingDecision: Hashable, Sendable, Codable {
  public var namespace: Namespace
  public var module: ModuleName
  /// The nodes that serve it, best first.
  public var selectedNodes: [NodeID]
  /// The nodes that take over, in this order.
  public var fallbackNodes: [NodeID]
  /// The factors of the best node; all 0 when none was found.
  public var decisionFactors: DecisionFactors
  /// How long the decision took; measured by whoever asked for it, 0 where no clock was read.
  public var decisionTime: Duration
  /// Until when it may be acted on; facts are too old after that.
  public var expiresAt: WallInstant

  public init(
    namespace: Namespace, module: ModuleName, selectedNodes: [NodeID], fallbackNodes: [NodeID],
    decisionFactors: DecisionFactors, decisionTime: Duration = .zero, expiresAt: WallInstant
  ) {
    self.namespace = namespace
    self.module = module
    self.selectedNodes = selectedNodes
    self.fallbackNodes = fallbackNodes
    self.decisionFactors = decisionFactors
    self.decisionTime = decisionTime
    self.expiresAt = expiresAt
  }
}

/// What a node is worth for a module, factor by factor; each from 0 (worst) to 1 (best).
public struct DecisionFactors: Hashable, Sendable, Codable {
  /// Latency and distance together, by their weights.
  public var proximityScore: Double
  public var resourceScore: Double
  public var dataLocalityScore: Double
  public var faultDomainScore: Double

  public init(
    proximityScore: Double = 0, resourceScore: Double = 0, dataLocalityScore: Double = 0,
    faultDomainScore: Double = 0
  ) {
    self.proximityScore = proximityScore
    self.resourceScore = resourceScore
    self.dataLocalityScore = dataLocalityScore
    self.faultDomainScore = faultDomainScore
  }
}
