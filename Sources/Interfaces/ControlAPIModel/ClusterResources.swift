public import ClusterModel
public import HostPorts

/// A node, and how it is.
public struct NodeResource: Hashable, Sendable, Codable {
  public var id: NodeID
  public var location: NodeLocation
  public var capabilities: NodeCapabilities
  public var healthStatus: HealthStatus
  /// What `healthStatus` sums up.
  public var state: NodeState
  /// Why it is in this state: a ``ClusterModel/NodeChangeReason``, or of a newer server perhaps another word. Missing
  /// from older servers.
  public var reason: String?
  public var scheduling: NodeScheduling
  /// Whether it is being drained and nothing that a plan put there is left; missing from older
  /// servers.
  public var drained: Bool?
  /// Of its circuit breaker; missing from older servers.
  public var breaker: BreakerStanding?
  public var currentLoad: NodeLoad
  public var lastHeartbeat: WallInstant
  /// How the threads are scheduled that send them; missing from older servers.
  public var heartbeats: HeartbeatPunctuality?
  /// Missing when the node could not be asked.
  public var startedAt: WallInstant?
  /// From it to others and to landmarks, as measured lately; missing from older servers.
  public var roundTrips: [RoundTripResource]?
  public var engine: EngineFacts?
  /// Of its program; missing while it is not attached, and for the node in the process of the server.
  public var version: String?

  public init(_ status: NodeStatus) {
    id = status.node.id
    location = status.node.location
    capabilities = status.node.capabilities
    healthStatus = status.node.healthStatus
    state = status.state
    reason = status.reason?.rawValue
    scheduling = status.scheduling
    drained = status.isDrained
    breaker = status.breaker
    currentLoad = status.node.currentLoad
    lastHeartbeat = status.node.lastHeartbeat
    heartbeats = status.punctuality
    startedAt = status.startedAt
    roundTrips = status.roundTrips.map { RoundTripResource($0) }
    engine = status.engine
    version = status.version
  }
}

/// A version made ready on a node.
public struct PlacementResource: Hashable, Sendable, Codable {
  public var node: NodeID
  public var module: ModuleName
  public var version: ModuleVersion
  public var role: PlacementStanding
  public var digest: ModuleDigest
  public var generation: Int
  /// `quick` until the optimised code is there.
  public var code: CodeMode
  public var readySince: WallInstant
  public var activations: Int
  public var failures: Int
  public var running: Int
  /// Given for a service that runs, or should.
  public var service: ServiceStatus?

  public init(_ status: PlacementStatus) {
    node = status.node
    module = status.module
    version = status.version
    role = status.role
    digest = status.digest
    generation = status.generation
    code = status.code
    readySince = status.readySince
    activations = status.activations
    failures = status.failures
    running = status.running
    service = status.service
  }
}

/// How a node is given work after a command.
public struct NodeSchedulingResource: Hashable, Sendable, Codable {
  public var node: NodeID
  /// Missing when the node was forgotten.
  public var scheduling: NodeScheduling?
  public init(node: NodeID, scheduling: NodeScheduling?) {
    self.node = node
    self.scheduling = scheduling
  }
}

/// The answer to `GET /healthz`.
public struct HealthResource: Hashable, Sendable, Codable {
  /// `ready`; what is not ready answers with a problem.
  public var status: String
  public init(status: String = "ready") { self.status = status }
}

/// A line of a module's log, or of the stream of them.
public typealias LogLineResource = LogLine
/// One thing that `doctor` looked at.
public typealias FindingResource = Finding

/// How long it takes from a node to somewhere and back.
public struct RoundTripResource: Hashable, Sendable, Codable {
  /// Given when it is to a node.
  public var node: NodeID?
  /// Given when it is to the gateway of a zone.
  public var landmark: Zone?
  public var microseconds: Int64

  public init(_ sample: RoundTripSample) {
    switch sample.to {
    case .node(let other): node = other
    case .landmark(let zone): landmark = zone
    }
    microseconds = sample.microseconds
  }
}
