public import ClusterModel
public import Scheduling
public import Supervision

/// Everything that interfaces ask of a cluster.
public typealias APIService = ClusterService & StateService & EventTailService & EventReplayService

/// What a cluster does for whoever asks: the port that the interfaces (HTTP, later others) use and
/// the control plane meets. Every call says who asks and in which namespace.
public protocol ClusterService: EntranceService {
  // Registry
  /// Verifies and keeps a version. Pushing the same bytes under the same name again is fine.
  ///
  /// - Parameters:
  ///   - bytes: the whole module, with its signature section if it has one.
  ///   - detachedSignature: signature data outside the module; `nil` when it is inside.
  func push(
    _ bytes: [UInt8], detachedSignature: [UInt8]?, as reference: VersionReference,
    by caller: Caller
  ) async throws(Problem) -> PushedVersion
  /// Puts on record that a push was refused before it could be looked at: its body was too large.
  func recordRefusedPush(
    of reference: VersionReference, because problem: Problem, by caller: Caller
  ) async throws(Problem)
  /// All versions, oldest first within a name, names sorted; of one module when `name` is given.
  func versions(of name: ModuleName?, for caller: Caller) async throws(Problem)
    -> [ModuleVersionRecord]

  // Trust
  /// - Parameter publicKey: 33 serialised bytes.
  func trustKey(_ publicKey: [UInt8], label: String, by caller: Caller) async throws(Problem)
    -> TrustedKey
  func trustedKeys(for caller: Caller) async throws(Problem) -> [TrustedKey]
  func revokeKey(_ id: KeyID, by caller: Caller) async throws(Problem) -> TrustedKey
  /// Security events from `sequence` on, oldest first.
  func securityEvents(from sequence: Int64, limit: Int, for caller: Caller) async throws(Problem)
    -> [SequencedSecurityEvent]

  // Deployments
  /// Deploys every module of an application, or changes nothing.
  ///
  /// - Parameters:
  ///   - versions: the registered version of each module of the manifest, pushed beforehand.
  ///   - progress: called in order, before the call returns, from any thread.
  func deploy(
    _ manifest: ApplicationManifest, versions: [ModuleName: ModuleVersion], by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> [DeploymentStatus]
  func deployments(for caller: Caller) async throws(Problem) -> [DeploymentStatus]
  /// Goes back to what was deployed before: the last other version, or a certain one.
  func rollBack(_ module: ModuleName, to version: ModuleVersion?, by caller: Caller)
    async throws(Problem) -> DeploymentStatus
  /// Changes on how many nodes a module serves; returns when it serves there.
  ///
  /// - Parameter progress: called in order, before the call returns, from any thread.
  func scale(
    _ module: ModuleName, to replicas: Int, by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> DeploymentStatus
  /// Where it would serve then, and why; changes nothing.
  func planScale(_ module: ModuleName, to replicas: Int, for caller: Caller) async throws(Problem)
    -> PlacementExplanation
  /// Every deployment there ever was under a name, oldest first.
  func history(of module: ModuleName, for caller: Caller) async throws(Problem) -> [Deployment]
  /// Where each module of an application would run if it were deployed now, and why.
  func plan(_ manifest: ApplicationManifest, for caller: Caller) async throws(Problem)
    -> [PlacementExplanation]
  /// Where a deployed module runs, where it would run if it were placed now, and why.
  func explain(_ module: ModuleName, for caller: Caller) async throws(Problem)
    -> PlacementExplanation
  /// Removes an application's deployments, or one deployment.
  func undeploy(_ target: UndeployTarget, by caller: Caller) async throws(Problem) -> [ModuleName]

  // Running
  /// Accepts an event; returns when it is durable.
  func publish(_ event: Event, by caller: Caller) async throws(Problem) -> AppendedEvent
  /// What became of an event; waits up to `patience` for it to settle.
  func eventStatus(_ offset: EventOffset, patience: Duration, for caller: Caller)
    async throws(Problem) -> EventStatus
  /// What a module wrote to standard error: what is kept, then (with `follow`) what comes.
  func logs(of module: ModuleName, follow: Bool, for caller: Caller) async throws(Problem)
    -> AsyncStream<LogLine>

  // Dead letters
  func deadLetters(from id: DeliveryID, limit: Int, for caller: Caller) async throws(Problem)
    -> [DeadLetter]
  func deadLetter(_ id: DeliveryID, for caller: Caller) async throws(Problem) -> DeadLetter
  func replayDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem)
  func dropDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem)

  // Looking at it
  func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus]
  /// Ends the instances of a service as if they had crashed.
  ///
  /// - Throws: ``Problem`` `no_such_child` when none runs.
  func killService(_ module: ModuleName, of application: ApplicationName, by caller: Caller)
    async throws(Problem)
  /// Breaks a node on purpose.
  ///
  /// - Throws: ``Problem`` `node_unreachable`, `node_in_process`.
  func disturb(_ node: NodeID, _ disturbance: NodeDisturbance, by caller: Caller)
    async throws(Problem)
  /// The supervision tree of a node's agent.
  ///
  /// - Throws: ``Problem`` `node_unreachable`, `node_in_process`.
  func supervision(of node: NodeID, for caller: Caller) async throws(Problem) -> SupervisionStatus
  /// Ends a part of a node's agent as if it had crashed.
  ///
  /// - Throws: ``Problem`` `no_such_child`, `node_unreachable`, `node_in_process`.
  func kill(child path: String, on node: NodeID, by caller: Caller) async throws(Problem)
  func placements(for caller: Caller) async throws(Problem) -> FleetAnswer<PlacementStatus>
  /// How far versions are on their way to the nodes that should hold them, sorted by module, generation and
  /// node.
  ///
  /// - Parameter module: `nil` for all.
  func distribution(of module: ModuleName?, for caller: Caller) async throws(Problem)
    -> FleetAnswer<DistributionStatus>
  /// Changes whether a node is given work; returns when that is durable.
  ///
  /// - Returns: how it is given work from now on; `nil` when it was forgotten.
  func command(_ command: NodeCommand, _ node: NodeID, by caller: Caller) async throws(Problem)
    -> NodeScheduling?
  /// Findings about the health of the whole, in a fixed order.
  func diagnose(for caller: Caller) async throws(Problem) -> [Finding]
}

extension ClusterService {
  public func accept(_ event: Event, by caller: Caller) async throws(Problem) -> AppendedEvent? {
    try await publish(event, by: caller)
  }

  /// Runs a module now, as somebody wants it who says nothing more.
  public func invoke(
    _ module: ModuleName, with event: Event, by caller: Caller
  ) async throws(Problem) -> ActivationReport {
    try await invoke(module, with: event, InvocationOptions(), by: caller)
  }
}

/// Who asks, and for which namespace.
public struct Caller: Hashable, Sendable {
  public var principal: Principal
  public var namespace: Namespace
  /// The W3C `traceparent` of the request, to be carried on.
  public var traceParent: String?
  public init(principal: Principal, namespace: Namespace = .default, traceParent: String? = nil) {
    self.principal = principal
    self.namespace = namespace
    self.traceParent = traceParent
  }
}

public struct PushedVersion: Hashable, Sendable {
  public var record: ModuleVersionRecord
  /// Whether this version, with these bytes, was there before.
  public var existed: Bool
  public init(record: ModuleVersionRecord, existed: Bool) {
    self.record = record
    self.existed = existed
  }
}

/// One step of a deployment.
public struct DeployProgress: Hashable, Sendable, Codable {
  public enum Step: String, Sendable, Codable {
    case buckets, accepted, ready, persisted, done
  }
  public var step: Step
  /// `nil` for steps of the whole application.
  public var module: ModuleName?
  /// For people.
  public var message: String
  public init(step: Step, module: ModuleName?, message: String) {
    self.step = step
    self.module = module
    self.message = message
  }
}

/// A deployment, and how it is.
public struct DeploymentStatus: Hashable, Sendable {
  public enum State: Hashable, Sendable {
    /// Being made ready (at start, after a restart).
    case preparing
    case ready
    /// Desired, but cannot run.
    case failed(Problem)
  }
  public var deployment: Deployment
  public var state: State
  public init(deployment: Deployment, state: State) {
    self.deployment = deployment
    self.state = state
  }
}

/// What the nodes of a fleet have answered.
public struct FleetAnswer<Item: Sendable>: Sendable {
  public var items: [Item]
  /// Nodes that may hold more, of which it is not known: they did not answer in time, or are silent and were not asked.
  /// Sorted.
  public var unanswered: [NodeID]

  public init(items: [Item], unanswered: [NodeID] = []) {
    self.items = items
    self.unanswered = unanswered
  }
}

/// A node, and how it is.
public struct NodeStatus: Hashable, Sendable {
  public var node: Node
  public var state: NodeState
  /// Why it is in this state; `nil` when that is not known.
  public var reason: NodeChangeReason?
  public var scheduling: NodeScheduling
  /// Whether it is being drained and nothing that a plan put there is left.
  public var isDrained: Bool
  /// Of its circuit breaker.
  public var breaker: BreakerStanding
  /// How the threads of its heartbeats are scheduled, as it said when it registered.
  public var punctuality: HeartbeatPunctuality
  /// `nil` when the node could not be asked.
  public var engine: EngineFacts?
  public var startedAt: WallInstant?
  /// From the node to others and to landmarks, as far as they were measured lately.
  public var roundTrips: [RoundTripSample]
  /// Of its program; `nil` while it is not attached, and for the node in the process of the control plane.
  public var version: String?
  public init(
    node: Node, state: NodeState, reason: NodeChangeReason? = nil, scheduling: NodeScheduling,
    isDrained: Bool = false, breaker: BreakerStanding = .closed,
    punctuality: HeartbeatPunctuality = .ordinary, engine: EngineFacts?, startedAt: WallInstant?,
    roundTrips: [RoundTripSample] = [], version: String? = nil
  ) {
    self.version = version
    self.reason = reason
    self.breaker = breaker
    self.isDrained = isDrained
    self.punctuality = punctuality
    self.roundTrips = roundTrips
    self.node = node
    self.state = state
    self.scheduling = scheduling
    self.engine = engine
    self.startedAt = startedAt
  }
}

/// A version made ready on a node.
public struct PlacementStatus: Hashable, Sendable {
  public var node: NodeID
  public var module: ModuleName
  public var version: ModuleVersion
  /// Whether it serves, is there to take over or to go back to, or is held by hand.
  public var role: PlacementStanding
  public var digest: ModuleDigest
  public var generation: Int
  /// How the code was compiled that new instances run.
  public var code: CodeMode
  public var readySince: WallInstant
  public var activations: Int
  public var failures: Int
  public var running: Int
  /// Given for a service that runs, or should.
  public var service: ServiceStatus?
  public init(
    node: NodeID, module: ModuleName, version: ModuleVersion, role: PlacementStanding,
    digest: ModuleDigest, generation: Int, code: CodeMode, readySince: WallInstant,
    activations: Int, failures: Int, running: Int, service: ServiceStatus? = nil
  ) {
    self.service = service
    self.node = node
    self.module = module
    self.version = version
    self.role = role
    self.digest = digest
    self.generation = generation
    self.code = code
    self.readySince = readySince
    self.activations = activations
    self.failures = failures
    self.running = running
  }
}

/// How a service is on its node.
public struct ServiceStatus: Hashable, Sendable, Codable {
  public var state: ChildState
  /// How often it was started again since its application began on this node, with its group included.
  public var restarts: Int
  /// Since when it is in this state.
  public var since: WallInstant?
  /// How its last instance that is no more has ended: "failed: killed"; `nil` when none has.
  public var lastExit: String?

  public init(state: ChildState, restarts: Int, since: WallInstant?, lastExit: String?) {
    self.state = state
    self.restarts = restarts
    self.since = since
    self.lastExit = lastExit
  }
}

/// One line that a module wrote to standard error.
public struct LogLine: Hashable, Sendable, Codable {
  public var at: WallInstant
  public var module: ModuleName
  public var version: ModuleVersion
  public var eventID: String
  public var text: String
  public init(
    at: WallInstant, module: ModuleName, version: ModuleVersion, eventID: String, text: String
  ) {
    self.at = at
    self.module = module
    self.version = version
    self.eventID = eventID
    self.text = text
  }
}

/// One thing that `doctor` looked at.
public struct Finding: Hashable, Sendable, Codable {
  public enum Verdict: String, Sendable, Codable { case ok, warning, failure }
  public var subject: String
  public var verdict: Verdict
  public var detail: String
  public init(subject: String, verdict: Verdict, detail: String) {
    self.subject = subject
    self.verdict = verdict
    self.detail = detail
  }
}
