/// A version of a module with everything that is said about it: the document's WasmModule. It is made
/// of the registry's record and the configuration it is deployed with.
public struct WasmModule: Hashable, Sendable, Codable {
  /// The name with its namespace, and the version: `default/clean@1.2.0`.
  public var id: String
  public var name: ModuleName
  public var version: ModuleVersion
  public var binaryHash: ModuleDigest
  /// The signature data in hexadecimal.
  public var signature: String
  public var capabilities: Capabilities
  public var deploymentConfig: DeploymentConfig
  public var createdAt: WallInstant
  /// When it was deployed last; when it was pushed if it never was.
  public var updatedAt: WallInstant

  public struct Capabilities: Hashable, Sendable, Codable {
    /// What it may do beyond its standard streams; sorted.
    public var requiredPermissions: [String]
    public var resourceLimits: ResourceLimits
  }

  public struct ResourceLimits: Hashable, Sendable, Codable {
    public var maxMemoryBytes: ByteCount
    public var maxCPUTimeMilliseconds: Double
    /// The host functions it may call; sorted.
    public var allowedSyscalls: [String]
  }

  public struct DeploymentConfig: Hashable, Sendable, Codable {
    /// Empty means any.
    public var targetArchitectures: [Architecture]
    public var preferredLocations: [Zone]
    public var scalingPolicy: ScalingPolicy
  }

  public struct ScalingPolicy: Hashable, Sendable, Codable {
    public var minInstances: Int
    public var maxInstances: Int
    /// What makes it scale: `fixed` for nothing.
    public var scaleTrigger: String
  }

  /// - Parameter deployment: the newest of this version; `nil` when it never was deployed.
  public init(
    _ record: ModuleVersionRecord, _ deployment: Deployment?, permissions: [String] = [],
    syscalls: [String] = []
  ) {
    let configuration = deployment?.configuration ?? DeploymentConfiguration()
    let rules = configuration.placement
    id = "\(record.namespace)/\(record.name)@\(record.version)"
    name = record.name
    version = record.version
    binaryHash = record.digest
    signature = Hexadecimal.encode(record.signature)
    capabilities = Capabilities(
      requiredPermissions: permissions.sorted(),
      resourceLimits: ResourceLimits(
        maxMemoryBytes: configuration.limits.memory,
        maxCPUTimeMilliseconds: configuration.limits.cpuTime.milliseconds,
        allowedSyscalls: syscalls.sorted()))
    deploymentConfig = DeploymentConfig(
      targetArchitectures: rules.architectures, preferredLocations: rules.preferredZones,
      scalingPolicy: ScalingPolicy(
        minInstances: rules.replicas, maxInstances: rules.replicas, scaleTrigger: "fixed"))
    createdAt = record.pushedAt
    updatedAt = deployment?.deployedAt ?? record.pushedAt
  }
}
