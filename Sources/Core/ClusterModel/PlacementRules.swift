/// Where a deployment may run, where it should, and how often: the `placement` of a manifest entry.
public struct PlacementRules: Hashable, Sendable, Codable {
  /// Nodes that serve it at the same time.
  public var replicas: Int
  /// Nodes that hold it compiled, to take over at once.
  public var fallbacks: Int
  /// What it runs on; empty means anything.
  public var architectures: [Architecture]
  /// What the CPU must offer; sorted.
  public var cpuFeatures: [String]
  /// Hardware the node must have; sorted.
  public var hardware: [String]
  /// What the node must be labelled with; sorted.
  public var labels: [Label]
  /// What each placement reserves of the node's memory; `nil` means the memory limit of one
  /// activation.
  public var memory: ByteCount?
  /// Where its requests come from; `nil` when from nowhere in particular.
  public var origin: NodeLocation?
  /// Nodes farther away than this, in round-trip time from the origin, may not serve it.
  public var maximumLatency: Duration?
  /// Zones it should run in; sorted. Others are worse, not forbidden.
  public var preferredZones: [Zone]
  /// Zones where the data is that it works on; sorted.
  public var dataZones: [Zone]
  public var weights: PlacementWeights
  public var isolation: IsolationPolicy

  public init(
    replicas: Int = 1, fallbacks: Int = 1, architectures: [Architecture] = [],
    cpuFeatures: [String] = [], hardware: [String] = [], labels: [Label] = [],
    memory: ByteCount? = nil, origin: NodeLocation? = nil, maximumLatency: Duration? = nil,
    preferredZones: [Zone] = [], dataZones: [Zone] = [],
    weights: PlacementWeights = .standard, isolation: IsolationPolicy = .continue
  ) {
    self.replicas = replicas
    self.fallbacks = fallbacks
    self.architectures = architectures
    self.cpuFeatures = cpuFeatures.sorted()
    self.hardware = hardware.sorted()
    self.labels = labels.sorted()
    self.memory = memory
    self.origin = origin
    self.maximumLatency = maximumLatency
    self.preferredZones = preferredZones.sorted()
    self.dataZones = dataZones.sorted()
    self.weights = weights
    self.isolation = isolation
  }

  /// What is allowed. A deployment on every node of a large fleet is many deployments.
  public enum Range {
    public static let replicas = 0...1000
    public static let fallbacks = 0...16
    public static let maximumLatency = Duration.microseconds(1)...Duration.seconds(60)
    public static let names = 0...64
  }
}

/// What an isolated node does with a placement: one that hears nothing of the control plane.
public enum IsolationPolicy: String, Sendable, Codable, CaseIterable {
  /// It serves on. Effects may double until the network is healed.
  case `continue`
  /// It holds a lease, and stops when that runs out. Nobody takes over before.
  case stop
}

/// How much each factor counts when nodes are compared. Only the proportions matter.
public struct PlacementWeights: Hashable, Sendable, Codable {
  /// Round-trip time from the origin.
  public let latency: Double
  /// Distance on the earth from the origin.
  public let distance: Double
  /// Free memory and CPU.
  public let resources: Double
  /// Being in a zone with the data.
  public let dataLocality: Double
  /// Being in another fault domain than the other placements.
  public let faultDomain: Double

  /// "Proximity and speed" before utilisation.
  public static let standard = PlacementWeights(
    unchecked: 0.35, distance: 0.15, resources: 0.15, dataLocality: 0.15, faultDomain: 0.2)

  public static let range = 0.0...1000.0

  /// - Throws: ``InvalidValue`` when a weight is not within 0 and 1000, or all are 0.
  public init(
    latency: Double, distance: Double, resources: Double, dataLocality: Double,
    faultDomain: Double
  ) throws(InvalidValue) {
    let all = [latency, distance, resources, dataLocality, faultDomain]
    if let bad = all.first(where: { !Self.range.contains($0) }) {
      throw InvalidValue("weight", "\(bad)", rule: "0 to 1000")
    }
    guard all.contains(where: { $0 > 0 }) else {
      throw InvalidValue("weights", "all 0", rule: "at least one above 0")
    }
    self.init(
      unchecked: latency, distance: distance, resources: resources, dataLocality: dataLocality,
      faultDomain: faultDomain)
  }

  private init(
    unchecked latency: Double, distance: Double, resources: Double, dataLocality: Double,
    faultDomain: Double
  ) {
    self.latency = latency
    self.distance = distance
    self.resources = resources
    self.dataLocality = dataLocality
    self.faultDomain = faultDomain
  }

  private enum CodingKeys: String, CodingKey {
    case latency, distance, resources, dataLocality, faultDomain
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      latency: container.decode(Double.self, forKey: .latency),
      distance: container.decode(Double.self, forKey: .distance),
      resources: container.decode(Double.self, forKey: .resources),
      dataLocality: container.decode(Double.self, forKey: .dataLocality),
      faultDomain: container.decode(Double.self, forKey: .faultDomain))
  }
}
