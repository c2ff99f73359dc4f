public import ClusterModel
public import Supervision

/// How the control plane reaches an agent. What is sent arrives in order, or not at all.
public protocol AgentConnection: Sendable {
  func send(_ message: ControlMessage)
  /// Runs a fresh instance on an event. An activation under a fence that the agent has not heard of
  /// yet waits a little for it; under one that was replaced it is refused (`unavailable`). Cancelling
  /// the task ends the instance. When the way to the agent ends before its answer, the report says
  /// `nodeLost`, or `unavailable` when the agent has never been asked.
  ///
  /// - Parameter attempt: from 1 on; handed to the guest.
  func run(_ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int) async
    -> ActivationReport
  /// The same for whoever has a thread of its own, and would not have it wait or another woken: returns at once.
  ///
  /// - Parameter answer: called once, on any thread, perhaps before this returns; it returns soon.
  /// - Returns: ends the instance; `answer` is called all the same.
  func begin(
    _ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int,
    answer: @escaping @Sendable (ActivationReport) -> Void
  ) -> @Sendable () -> Void
  /// Nothing that was sent there is waited for any more: all of it ends as if the way had ended (`nodeLost`), and the
  /// agent is told to end it. By default nothing, for an agent that cannot be away.
  func abandonRuns()
  /// Says that this way is closed by the other end, which is no more than that: the agent opens a new
  /// one.
  func closed()
  /// Whether it reads bytes in documents that are written as digits (``ClusterModel/DocumentBytes``).
  var readsDigits: Bool { get }
  /// Of the program of the node, as it says; `nil` for an agent in this process, or one that does not say.
  var programVersion: String? { get }
  /// What the node runs with, and since when.
  func facts() async -> NodeFacts
  /// What is ready there; `nil` when it does not say so in time.
  func placementStatuses() async -> [PlacementStatus]?
  /// How far everything is that the node should hold, sorted by placement; `nil` when it does not say so in time.
  func distribution() async -> [DistributionStatus]?
  /// Ends the instance of a service as if it had crashed; `false` when none runs here.
  func killService(_ module: QualifiedName) async -> Bool
  /// Breaks the node on purpose; returns when it was told to, not when it is broken.
  ///
  /// - Throws: ``Problem`` `node_unreachable`, `node_in_process`.
  func disturb(_ disturbance: NodeDisturbance) async throws(Problem)
  /// The supervision tree of the agent's process.
  ///
  /// - Throws: ``Problem`` `node_unreachable`, `node_in_process`.
  func supervision() async throws(Problem) -> SupervisionStatus
  /// Ends a part of the agent's process as if it had crashed.
  ///
  /// - Parameter path: from the top of its tree on: `main/node/engine`.
  /// - Throws: ``Problem`` `no_such_child`, `node_unreachable`, `node_in_process`.
  func kill(child path: String) async throws(Problem)
  /// What is kept of a module's log, oldest first.
  func logLines(of module: QualifiedName) async -> [LogLine]
  /// The same, and then what comes.
  func followLog(of module: QualifiedName) async throws(Problem) -> AsyncStream<LogLine>
}

extension AgentConnection {
  public var readsDigits: Bool { true }
  public var programVersion: String? { nil }
  public func abandonRuns() {}

  public func begin(
    _ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int,
    answer: @escaping @Sendable (ActivationReport) -> Void
  ) -> @Sendable () -> Void {
    let task = Task {
      answer(await run(placement, under: fence, on: event, attempt: attempt))
    }
    return { task.cancel() }
  }
}

/// How an agent reaches the control plane.
public protocol ControlPlaneConnection: Sendable {
  /// Opens the way, also back to the agent. One of this node that was open before counts no more.
  ///
  /// - Parameter incarnation: the start of the agent that it is.
  func open(
    _ agent: any AgentConnection, from node: NodeID, _ incarnation: Incarnation
  ) async throws(Problem) -> AgentLink
  func send(_ message: AgentMessage)
  /// Says how long it takes from the node to the control plane and back. It may be lost.
  func measured(_ roundTrip: Duration, from node: NodeID)
  /// Says how long it takes from the node to others and to landmarks. It may be lost.
  func measured(_ samples: [RoundTripSample], from node: NodeID)
  /// Says that the agent's end of the way is closed: nothing more comes over it, and unless another one was
  /// opened since, its agent counts as ended.
  func close(_ link: AgentLinkID, from node: NodeID, _ incarnation: Incarnation) async
  /// The bytes of a module without its signature section.
  ///
  /// - Parameter progress: told how far that is.
  func module(_ digest: ModuleDigest, _ progress: TransferProgress) async throws(Problem) -> [UInt8]
  /// The trust store, revoked keys included.
  func trustedKeys() async throws(Problem) -> [TrustedKey]
  /// Reads state for a guest.
  var state: any GuestState { get }
  /// Makes durable what a module of the node has published and written, and hands its events on.
  ///
  /// - Parameter claim: by what right.
  /// - Throws: ``Problem`` ``Problem/leaseOver``, ``Problem/fenceReplaced``, or what the stores say.
  func commit(
    _ effects: ActivationEffects, of activation: DeniedActivation, under claim: EffectClaim
  ) async throws(Problem)
  /// Runs a module wherever it serves, for a caller of the node's entrance.
  func invoke(
    _ module: QualifiedName, with event: Event, _ options: InvocationOptions, from node: NodeID
  ) async throws(Problem) -> ActivationReport
  /// Hands over events that came to the node's entrance, oldest first; returns when they are durable, in this order.
  /// When one is not, some behind it may be: handed over again they are known.
  func forward(_ events: [ForwardedEvent], from node: NodeID) async throws(Problem)
    -> ForwardedEvents
  /// Tells what became of a service, or of a part of the agent's process. It may be lost.
  func tell(_ news: ServiceNews)
  /// Puts on record that a guest was refused something; returns when that is durable.
  func record(_ denial: CapabilityDenial, of activation: DeniedActivation) async throws(Problem)
}

extension ControlPlaneConnection {
  public func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    try await module(digest, TransferProgress())
  }
}

/// An event that came to a node's own entrance.
public struct ForwardedEvent: Hashable, Sendable {
  public var event: Event
  /// The modules of the node that handled it while the control plane was away: it does not go to them again.
  public var handledBy: Set<ModuleName>

  public init(_ event: Event, handledBy: Set<ModuleName> = []) {
    self.event = event
    self.handledBy = handledBy
  }
}

/// How far the control plane came with events that a node has forwarded.
public struct ForwardedEvents: Hashable, Sendable {
  /// So many, from the first on, are durable there.
  public var count: Int
  /// Why the next one is not; `nil` when there is none.
  public var problem: Problem?

  public init(count: Int, problem: Problem? = nil) {
    self.count = count
    self.problem = problem
  }
}

extension Problem {
  private static let controlPlaneAwayCode = "control_plane_away"
  private static let controlPlaneLostCode = "control_plane_lost"

  /// What an agent hears that asks while no way to the control plane is open.
  public static let controlPlaneAway = Problem(
    .unavailable, code: controlPlaneAwayCode, "the control plane cannot be reached",
    next: "Try again in a moment.")

  /// What an agent hears whose question was on its way when the way to the control plane broke off.
  public static let controlPlaneLost = Problem(
    .unavailable, code: controlPlaneLostCode,
    "the control plane went away before it had answered: what it was asked for may have been done, or not",
    next: "See whether it was, then ask again if it was not.")

  /// What must stop when isolated hears this when it wants to have an effect and another may have taken over.
  public static let leaseOver = Problem(
    .unavailable, code: "lease_over",
    "this node may be replaced by another, and what must stop when isolated has no effects any more",
    next: "End. Another instance goes on, here or elsewhere.")

  /// What a node hears that has a newer fence than the one by which it claims an effect.
  public static let fenceReplaced = Problem(
    .unavailable, code: "fence_replaced", "the placement has another fence by now",
    next: "Obey the plan that brings it, then ask again.")

  /// Whether no way is open, or none any more.
  public var isControlPlaneAway: Bool { code == Self.controlPlaneAwayCode || isControlPlaneLost }
  /// Whether nobody knows what became of what was asked.
  public var isControlPlaneLost: Bool { code == Self.controlPlaneLostCode }
}

/// A way between an agent and its control plane that was opened.
public struct AgentLink: Hashable, Sendable {
  public var id: AgentLinkID
  /// What the control plane wants between two heartbeats; `nil` for what the agent was told otherwise.
  public var heartbeatInterval: Duration?

  public init(_ id: AgentLinkID, heartbeatInterval: Duration? = nil) {
    self.id = id
    self.heartbeatInterval = heartbeatInterval
  }
}

/// Names one opening of the way between an agent and its control plane, among all of one end.
public struct AgentLinkID: Hashable, Sendable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// State, as far as agents read it.
public protocol GuestState: Sendable {
  /// The newest value; `nil` when there is none.
  func entry(_ key: StateKey, in bucket: BucketName, of namespace: Namespace) async throws(Problem)
    -> StateEntry?
  /// Entries whose keys begin with `prefix`, from the key after `after` on, in the order of keys; fewer
  /// than `limit` also when they are large. Only an empty answer says that there are no more.
  func entries(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int
  ) async throws(Problem) -> [StateEntry]
  /// Where to follow a bucket from; see ``StateStore/position(of:in:)``.
  func position(of bucket: BucketName, of namespace: Namespace) async throws(Problem)
    -> BucketPosition
  /// What was written after `revision`, waiting up to `patience` for something; see ``StateStore``.
  func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after revision: StateRevision?,
    patience: Duration
  ) async throws(Problem) -> [StateChange]
}

/// Which activation it was that was refused something.
public struct DeniedActivation: Hashable, Sendable {
  public var module: QualifiedName
  public var version: ModuleVersion
  public var node: NodeID
  /// Of the event it ran on.
  public var eventID: String

  public init(module: QualifiedName, version: ModuleVersion, node: NodeID, eventID: String) {
    self.module = module
    self.version = version
    self.node = node
    self.eventID = eventID
  }

  /// What the events of a service come of: no event, but the run of which they are.
  public var cause: Event {
    Event(
      id: eventID, source: "/namespaces/\(module.namespace)/modules/\(module.name)",
      type: "wasmatrix.service", topic: Topic(unchecked: "$wasmatrix/service"),
      namespace: module.namespace, data: [])
  }
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
