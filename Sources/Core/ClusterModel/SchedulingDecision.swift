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

extension SchedulingDecision {
  private enum CodingKeys: String, CodingKey {
    case namespace, module, selectedNodes, fallbackNodes, decisionFactors
    case decisionTimeMilliseconds, expiresAt
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let milliseconds = try container.decode(Double.self, forKey: .decisionTimeMilliseconds)
    guard (0...1e9).contains(milliseconds) else {
      throw InvalidValue("decisionTimeMilliseconds", "\(milliseconds)", rule: "0 to 1e9")
    }
    self.init(
      namespace: try container.decode(Namespace.self, forKey: .namespace),
      module: try container.decode(ModuleName.self, forKey: .module),
      selectedNodes: try container.decode([NodeID].self, forKey: .selectedNodes),
      fallbackNodes: try container.decode([NodeID].self, forKey: .fallbackNodes),
      decisionFactors: try container.decode(DecisionFactors.self, forKey: .decisionFactors),
      decisionTime: .nanoseconds(Int64((milliseconds * 1e6).rounded())),
      expiresAt: try container.decode(WallInstant.self, forKey: .expiresAt))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(namespace, forKey: .namespace)
    try container.encode(module, forKey: .module)
    try container.encode(selectedNodes, forKey: .selectedNodes)
    try container.encode(fallbackNodes, forKey: .fallbackNodes)
    try container.encode(decisionFactors, forKey: .decisionFactors)
    try container.encode(decisionTime.milliseconds, forKey: .decisionTimeMilliseconds)
    try container.encode(expiresAt, forKey: .expiresAt)
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
