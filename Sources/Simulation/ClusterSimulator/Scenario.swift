public import ClusterModel

/// A run that somebody describes instead of a seed: nodes, links, what is asked for, what goes wrong and
/// when, and what must be so at which time. `docs/SCENARIOS.md` explains the file.
public struct Scenario: Hashable, Sendable, Codable {
  public var name: String
  /// For what is left to chance: jitter, the order of what happens at the same time.
  public var seed: UInt64
  /// How long it runs, from the beginning.
  public var durationMilliseconds: Int
  public var heartbeatMilliseconds: Int?
  public var links: Links?
  public var nodes: [NodeLine]
  public var workload: [WorkLine]
  public var faults: [FaultLine]?
  public var expectations: [Expectation]

  /// The network between the control plane and all nodes.
  public struct Links: Hashable, Sendable, Codable {
    public var delayMilliseconds: Double?
    /// Shares from 0 to 1.
    public var loss: Double?
    public var duplication: Double?
  }

  public struct NodeLine: Hashable, Sendable, Codable {
    public var name: NodeID
    public var zone: Zone?
    public var coordinates: Coordinates?
    public var architectures: [Architecture]?
    public var cpuFeatures: [String]?
    public var hardware: [String]?
    public var labels: [String: String]?
    public var memoryMiB: Int?
    public var faultDomain: FaultDomain?
  }

  /// Something that is asked for; exactly one of the wishes is given.
  public struct WorkLine: Hashable, Sendable, Codable {
    public var atMilliseconds: Int
    public var push: Version?
    public var deploy: Application?
    public var rollback: Version?
    public var undeploy: ModuleName?
    public var scale: Scale?
    public var cordon: NodeID?
    public var uncordon: NodeID?
    public var drain: NodeID?
    /// As `wasmatrix forget NODE --force`.
    public var evict: NodeID?
    /// Its agent is started again with a new token.
    public var join: NodeID?
    public var emit: String?
  }

  public struct Version: Hashable, Sendable, Codable {
    public var module: ModuleName
    public var version: ModuleVersion?
  }

  public struct Scale: Hashable, Sendable, Codable {
    public var module: ModuleName
    public var replicas: Int
  }

  public struct Application: Hashable, Sendable, Codable {
    public var application: ApplicationName
    public var modules: [Module]
  }

  public struct Module: Hashable, Sendable, Codable {
    public var name: ModuleName
    public var version: ModuleVersion
    /// The topic filter that wakes it.
    public var topic: TopicFilter?
    public var replicas: Int?
    public var fallbacks: Int?
    public var isolation: IsolationPolicy?
    public var memoryMiB: Int?
    public var architectures: [Architecture]?
    public var hardware: [String]?
    public var labels: [String: String]?
    public var originZone: Zone?
  }

  /// Something that goes wrong; exactly one kind is given.
  public struct FaultLine: Hashable, Sendable, Codable {
    public var atMilliseconds: Int
    /// How long it lasts; to the end when missing.
    public var forMilliseconds: Int?
    /// Nodes that do not hear the control plane, nor it them.
    public var partition: [NodeID]?
    /// They are not heard, and hear.
    public var mute: [NodeID]?
    /// They do not hear, and are heard.
    public var deafen: [NodeID]?
    public var crash: NodeID?
    public var freeze: NodeID?
    public var stickWorkers: NodeID?
    public var crashControlPlane: Bool?
    /// A path of the control plane's supervision tree, such as `events/router`.
    public var crashChild: String?
    public var silence: Bool?
    public var fullDisk: Bool?
    public var slowDisk: Bool?
  }

  /// What must be so at a time; everything that is given.
  public struct Expectation: Hashable, Sendable, Codable {
    public var atMilliseconds: Int
    /// Of which module the next two speak.
    public var module: ModuleName?
    /// The nodes that serve it, in any order.
    public var servesOn: [NodeID]?
    public var serves: Int?
    public var version: ModuleVersion?
    public var node: NodeID?
    /// How the control plane sees that node.
    public var state: NodeState?
    /// Whether nothing is left to do anywhere.
    public var isAtRest: Bool?
    public var deadLetters: Int?
    public var done: Int?
  }
}
