public import ClusterModel

/// What the scheduler knows of a node, beside what changes all the time.
public struct NodeProfile: Hashable, Sendable {
  public var id: NodeID
  public var location: NodeLocation
  public var capabilities: NodeCapabilities

  public init(id: NodeID, location: NodeLocation, capabilities: NodeCapabilities) {
    self.id = id
    self.location = location
    self.capabilities = capabilities
  }
}

/// Whether a node takes new placements: only an available one does.
public enum NodeAvailability: UInt8, Hashable, Sendable, CaseIterable {
  case available, cordoned, draining, suspect, unavailable
}

/// Nodes that are wanted for a module.
public struct PlacementRequest: Hashable, Sendable {
  public var name: QualifiedName
  public var rules: PlacementRules
  /// What each placement reserves.
  public var memory: ByteCount
  /// How many nodes are wanted to serve, and to take over.
  public var replicas: Int
  public var fallbacks: Int
  /// Nodes that may not be chosen: they hold it already, or have just failed with it.
  public var excluded: [NodeID]
  /// Nodes that hold other placements of it: new ones should lie in other fault domains.
  public var companions: [NodeID]
  /// Nodes that hold the version compiled: they win ties.
  public var holders: [NodeID]

  public init(
    name: QualifiedName, rules: PlacementRules, memory: ByteCount, replicas: Int,
    fallbacks: Int, excluded: [NodeID] = [], companions: [NodeID] = [], holders: [NodeID] = []
  ) {
    self.name = name
    self.rules = rules
    self.memory = memory
    self.replicas = replicas
    self.fallbacks = fallbacks
    self.excluded = excluded
    self.companions = companions
    self.holders = holders
  }
}
