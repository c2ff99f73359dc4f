public import ClusterModel

/// How the control plane reaches an agent. What is sent arrives in order, or not at all.
public protocol AgentConnection: Sendable {
  func send(_ message: ControlMessage)
  /// Runs a fresh instance on an event. An activation under a fence that the agent has not heard of
  /// yet waits a little for it; under one that was replaced it is refused (`unavailable`). Cancelling
  /// the task ends the instance.
  ///
  /// - Parameter attempt: from 1 on; handed to the guest.
  func run(_ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int) async
    -> ActivationReport
  /// Says that this way is closed by the other end, which is no more than that: the agent opens a new
  /// one.
  func closed()
  /// What the node runs with, and since when.
  func facts() async -> NodeFacts
  func placementStatuses() async -> [PlacementStatus]
  /// What is kept of a module's log, oldest first.
  func logLines(of module: QualifiedName) async -> [LogLine]
  /// The same, and then what comes.
  func followLog(of module: QualifiedName) async throws(Problem) -> AsyncStream<LogLine>
}

/// How an agent reaches the control plane.
public protocol ControlPlaneConnection: Sendable {
  /// Opens the way, also back to the agent. One that was open before is closed by that.
  func open(_ agent: any AgentConnection, from node: NodeID) async throws(Problem)
  func send(_ message: AgentMessage)
  /// Says that the agent has ended: nothing more comes from it.
  func close(_ node: NodeID, _ incarnation: Incarnation) async
  /// The bytes of a module without its signature section.
  func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8]
  /// The trust store, revoked keys included.
  func trustedKeys() async throws(Problem) -> [TrustedKey]
}

/// What a node runs with.
public struct NodeFacts: Hashable, Sendable {
  public var engine: EngineFacts
  public var startedAt: WallInstant
  public init(engine: EngineFacts, startedAt: WallInstant) {
    self.engine = engine
    self.startedAt = startedAt
  }
}
