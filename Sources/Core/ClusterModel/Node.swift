/// A machine with an agent, as the inventory knows it: the document's Node.
public struct Node: Hashable, Sendable, Codable {
  public var id: NodeID
  public var location: NodeLocation
  public var capabilities: NodeCapabilities
  /// What it is good for right now. ``NodeState`` says why.
  public var healthStatus: HealthStatus
  public var currentLoad: NodeLoad
  /// When its last heartbeat arrived, by the clock of the control plane.
  public var lastHeartbeat: WallInstant

  public init(
    id: NodeID, location: NodeLocation, capabilities: NodeCapabilities,
    healthStatus: HealthStatus, currentLoad: NodeLoad, lastHeartbeat: WallInstant
  ) {
    self.id = id
    self.location = location
    self.capabilities = capabilities
    self.healthStatus = healthStatus
    self.currentLoad = currentLoad
    self.lastHeartbeat = lastHeartbeat
  }
}

/// What a node is good for: the document's three words.
public enum HealthStatus: String, Sendable, Codable, CaseIterable {
  case healthy, degraded, unhealthy
}

/// How the control plane sees a node.
public enum NodeState: String, Sendable, Codable, CaseIterable {
  /// Heartbeats come in time, and its workers get on.
  case healthy
  /// Alive, but its workers do not get on, it is overloaded, or its heartbeats come late.
  case degraded
  /// Silent for longer than is usual for it; not given up.
  case suspect
  /// Given up: its work is moved.
  case unavailable
  /// It was unavailable and came back; it is being adopted, and gets no new work yet.
  case recovered

  public var health: HealthStatus {
    switch self {
    case .healthy: .healthy
    case .degraded, .suspect, .recovered: .degraded
    case .unavailable: .unhealthy
    }
  }
}

/// What a node can do. It finds most of this out by itself.
public struct NodeCapabilities: Hashable, Sendable, Codable {
  /// What it runs, the native one first: `x86_64`, `aarch64`, `riscv64`, `portable`.
  public var architectures: [Architecture]
  /// What its CPU offers, sorted: `avx2`, `neon`.
  public var cpuFeatures: [String]
  /// Memory that may be given to placements.
  public var memory: ByteCount
  public var cpuCores: Int
  /// Sorted: `gpu`, `can-bus`.
  public var specializedHardware: [String]
  /// What operators say about it; sorted by name.
  public var labels: [Label]
  /// `nil` counts as a domain of its own.
  public var faultDomain: FaultDomain?

  public init(
    architectures: [Architecture], cpuFeatures: [String] = [], memory: ByteCount, cpuCores: Int,
    specializedHardware: [String] = [], labels: [Label] = [], faultDomain: FaultDomain? = nil
  ) throws(InvalidValue) {
    guard !architectures.isEmpty, Set(architectures).count == architectures.count else {
      throw InvalidValue(
        "architectures", architectures.map(\.rawValue).joined(separator: ","),
        rule: "at least one, none twice")
    }
    guard (0...Self.maximumMemory.bytes).contains(memory.bytes) else {
      throw InvalidValue("memory", "\(memory.bytes)", rule: "0 to \(Self.maximumMemory)")
    }
    guard (1...Self.maximumCores).contains(cpuCores) else {
      throw InvalidValue("cpuCores", "\(cpuCores)", rule: "1 to \(Self.maximumCores)")
    }
    self.architectures = architectures
    self.cpuFeatures = try Self.names(cpuFeatures, "cpuFeatures", atMost: Self.maximumFeatures)
    self.memory = memory
    self.cpuCores = cpuCores
    self.specializedHardware = try Self.names(
      specializedHardware, "specializedHardware", atMost: Self.maximumNames)
    guard labels.count <= Self.maximumNames, Set(labels.map(\.name)).count == labels.count else {
      throw InvalidValue("labels", "\(labels.count) labels", rule: "at most 64, no name twice")
    }
    self.labels = labels.sorted { $0.name < $1.name }
    self.faultDomain = faultDomain
  }

  public static let maximumMemory = ByteCount.gibibytes(1 << 20)
  public static let maximumCores = 65_536
  /// A node that says more of itself is not believed: everything it says is held for every node.
  public static let maximumNames = 64
  /// Kernels name some two hundred.
  public static let maximumFeatures = 512

  private static func names(
    _ names: [String], _ field: String, atMost maximum: Int
  ) throws(InvalidValue) -> [String] {
    guard names.count <= maximum else {
      throw InvalidValue(field, "\(names.count) names", rule: "at most \(maximum)")
    }
    if let bad = names.first(where: { !FeatureName.isValid($0) }) {
      throw InvalidValue(field, bad, rule: FeatureName.rule)
    }
    return Set(names).sorted()
  }

  private enum CodingKeys: String, CodingKey {
    case architectures, cpuFeatures, memory, cpuCores, specializedHardware, labels, faultDomain
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      architectures: container.decode([Architecture].self, forKey: .architectures),
      cpuFeatures: container.decode([String].self, forKey: .cpuFeatures),
      memory: container.decode(ByteCount.self, forKey: .memory),
      cpuCores: container.decode(Int.self, forKey: .cpuCores),
      specializedHardware: container.decode([String].self, forKey: .specializedHardware),
      labels: container.decode([Label].self, forKey: .labels),
      faultDomain: container.decodeIfPresent(FaultDomain.self, forKey: .faultDomain))
  }
}

/// The rule for names of CPU features and hardware.
public enum FeatureName {
  public static let rule = "1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"

  public static func isValid(_ name: String) -> Bool {
    guard (1...63).contains(name.utf8.count), let first = name.utf8.first,
      NameRule.isLowerAlphanumeric(first)
    else { return false }
    return name.utf8.allSatisfy {
      NameRule.isLowerAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
        || $0 == UInt8(ascii: "-")
    }
  }
}

/// What compiled code runs on.
public enum Architecture: String, Sendable, Codable, CaseIterable {
  case x86_64, aarch64, riscv64
  /// Bytecode of the engine that every node of any architecture can run, slowly: the last resort.
  case portable
}

/// Something an operator says about a node, or wants of one.
public struct Label: Hashable, Comparable, Sendable, Codable {
  public let name: String
  public let value: String

  /// - Throws: ``InvalidValue``: a name follows ``FeatureName``, a value has 1 to 63 printable bytes.
  public init(_ name: String, _ value: String) throws(InvalidValue) {
    guard FeatureName.isValid(name) else {
      throw InvalidValue("label", name, rule: FeatureName.rule)
    }
    guard (1...63).contains(value.utf8.count), value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else { throw InvalidValue("label value", value, rule: "1 to 63 printable characters") }
    self.name = name
    self.value = value
  }

  private enum CodingKeys: String, CodingKey { case name, value }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      container.decode(String.self, forKey: .name), container.decode(String.self, forKey: .value))
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.name, left.value) < (right.name, right.value)
  }
}

/// How busy a node is, as it says itself.
public struct NodeLoad: Hashable, Sendable, Codable {
  /// 0 to 100, of all cores together.
  public let cpuPercent: Double
  /// 0 to 100, of the memory that may be given to placements.
  public let memoryPercent: Double
  /// Modules that are running an instance right now.
  public let activeModules: Int

  public static let idle = NodeLoad(unchecked: 0, 0, 0)

  /// - Throws: ``InvalidValue`` when a share is not within 0 and 100 or a count is negative.
  public init(cpuPercent: Double, memoryPercent: Double, activeModules: Int) throws(InvalidValue) {
    for (field, value) in [("cpuPercent", cpuPercent), ("memoryPercent", memoryPercent)] {
      guard (0...100).contains(value) else {
        throw InvalidValue(field, "\(value)", rule: "0 to 100")
      }
    }
    guard activeModules >= 0 else {
      throw InvalidValue("activeModules", "\(activeModules)", rule: "0 or more")
    }
    self.init(unchecked: cpuPercent, memoryPercent, activeModules)
  }

  private init(unchecked cpuPercent: Double, _ memoryPercent: Double, _ activeModules: Int) {
    self.cpuPercent = cpuPercent == 0 ? 0 : cpuPercent
    self.memoryPercent = memoryPercent == 0 ? 0 : memoryPercent
    self.activeModules = activeModules
  }

  private enum CodingKeys: String, CodingKey { case cpuPercent, memoryPercent, activeModules }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      cpuPercent: container.decode(Double.self, forKey: .cpuPercent),
      memoryPercent: container.decode(Double.self, forKey: .memoryPercent),
      activeModules: container.decode(Int.self, forKey: .activeModules))
  }
}
