public import ClusterModel

/// Somebody who calls an agent's own service, before it is known who that is.
public struct AgentCaller: Hashable, Sendable {
  /// What the caller showed: a user's token.
  public var token: String
  /// Where the call came from.
  public var address: String

  public init(token: String, address: String) {
    self.token = token
    self.address = address
  }
}

/// How an agent has its control plane look at whoever calls it.
public protocol AgentCallers: Sendable {
  /// Who it is, and that it may.
  ///
  /// - Parameters:
  ///   - subject: what was called: `GetMetrics`.
  ///   - node: whose agent was called.
  /// - Throws: ``Problem`` `refused`, which is on record as far as that is bounded, or `unavailable`.
  func holder(
    of caller: AgentCaller, needing role: Role, for subject: String, at node: NodeID
  ) async throws(Problem) -> TokenHolder
  /// What is to be held by hand; takes the role deployer. That it is wanted is on record.
  ///
  /// - Parameter version: the newest deployment of it; `nil` for what is deployed now.
  /// - Throws: ``Problem``: who may not, or what cannot be held.
  func orderByHand(
    _ module: QualifiedName, version: ModuleVersion?, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem) -> PlacementOrder
  /// Puts on record that it is let go; takes the role deployer.
  func releaseByHand(
    _ module: QualifiedName, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem)
}

/// What the agent of a node does for tools: `agent.proto` in the words of the cluster.
public protocol AgentService: Sendable {
  var node: NodeID { get }
  func startModule(
    _ module: QualifiedName, version: ModuleVersion?, by caller: AgentCaller
  ) async throws(Problem) -> HeldByHand
  func stopModule(
    _ module: QualifiedName, by caller: AgentCaller
  ) async throws(Problem) -> HeldByHand
  func metrics(for caller: AgentCaller) async throws(Problem) -> NodeMetrics
}

/// How a node is, and what it did since its agent began.
public struct NodeMetrics: Sendable {
  public var node: NodeID
  public var incarnation: Incarnation
  public var uptime: Duration
  public var isAttached: Bool
  public var engine: EngineActivity
  /// What placements may reserve.
  public var reservable: ByteCount
  public var reservedByPlan: ByteCount
  public var reservedByHand: ByteCount
  /// Sorted.
  public var placements: [PlacementMetrics]

  public init(
    node: NodeID, incarnation: Incarnation, uptime: Duration, isAttached: Bool,
    engine: EngineActivity, reservable: ByteCount, reservedByPlan: ByteCount,
    reservedByHand: ByteCount, placements: [PlacementMetrics]
  ) {
    self.node = node
    self.incarnation = incarnation
    self.uptime = uptime
    self.isAttached = isAttached
    self.engine = engine
    self.reservable = reservable
    self.reservedByPlan = reservedByPlan
    self.reservedByHand = reservedByHand
    self.placements = placements
  }
}

/// What a placement did since it was made ready.
public struct PlacementMetrics: Sendable {
  public var placement: PlacementID
  public var version: ModuleVersion
  public var digest: ModuleDigest
  public var role: PlacementStanding
  /// Since it was made ready here.
  public var readyFor: Duration
  public var activations: Int
  public var failures: Int
  public var running: Int
  public var latencies: LatencyCounts

  public init(
    placement: PlacementID, version: ModuleVersion, digest: ModuleDigest,
    role: PlacementStanding, readyFor: Duration, activations: Int, failures: Int,
    running: Int, latencies: LatencyCounts
  ) {
    self.placement = placement
    self.version = version
    self.digest = digest
    self.role = role
    self.readyFor = readyFor
    self.activations = activations
    self.failures = failures
    self.running = running
    self.latencies = latencies
  }
}

/// How many of something took how long.
public struct LatencyCounts: Hashable, Sendable {
  /// From an instance that does nothing to one that is about to run out of its time.
  public static let bounds: [Duration] = [
    .microseconds(100), .microseconds(300), .milliseconds(1), .milliseconds(3), .milliseconds(10),
    .milliseconds(30), .milliseconds(100), .milliseconds(300), .seconds(1), .seconds(3),
    .seconds(10), .seconds(30),
  ]
  /// Of each bound what took no longer, and longer than the bound before; then what took longer still.
  public private(set) var counts = [Int](repeating: 0, count: Self.bounds.count + 1)

  public init() {}

  public mutating func count(_ duration: Duration) {
    let index = Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count
    counts[index] += 1
  }
}
