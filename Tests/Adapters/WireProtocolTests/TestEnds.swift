import ClusterModel
import EventLoops
import HostPorts
import Logging
import Supervision
import Synchronization
import Testing

@testable import WireProtocol

/// What a control plane heard, and what it answers: the other side of the server under test.
final class TestPlane: ControlPlaneConnection {
  struct Heard: Sendable {
    var agents: [NodeID: any AgentConnection] = [:]
    var messages: [AgentMessage] = []
    var closed: [NodeID] = []
    var commits: [ActivationEffects] = []
    var denials: [CapabilityDenial] = []
    var news: [ServiceNews] = []
    var events: [ForwardedEvent] = []
    var calls: [(module: QualifiedName, options: InvocationOptions, node: NodeID)] = []
    var roundTrips: [Duration] = []
    var samples: [RoundTripSample] = []
    var links: UInt64 = 0
  }

  let heard = Mutex(Heard())
  /// Whether whoever commits waits for an answer that never comes.
  let mustNotAnswer = Mutex(false)
  let bytes: [UInt8]
  let stored = TestState()

  init(module bytes: [UInt8] = []) { self.bytes = bytes }

  func open(
    _ agent: any AgentConnection, from node: NodeID, _ incarnation: Incarnation
  ) async throws(Problem) -> AgentLink {
    heard.withLock { heard in
      heard.agents[node] = agent
      heard.links += 1
      return AgentLink(AgentLinkID(heard.links))
    }
  }
  func send(_ message: AgentMessage) { heard.withLock { $0.messages.append(message) } }
  func close(_ link: AgentLinkID, from node: NodeID, _ incarnation: Incarnation) async {
    heard.withLock { $0.closed.append(node) }
  }
  func measured(_ roundTrip: Duration, from node: NodeID) {
    heard.withLock { $0.roundTrips.append(roundTrip) }
  }
  func measured(_ samples: [RoundTripSample], from node: NodeID) {
    heard.withLock { $0.samples += samples }
  }
  func module(
    _ digest: ModuleDigest, _ progress: TransferProgress
  ) async throws(Problem) -> [UInt8] { bytes }
  func trustedKeys() async throws(Problem) -> [TrustedKey] { [] }
  var state: any GuestState { stored }
  func commit(
    _ effects: ActivationEffects, of activation: DeniedActivation, under claim: EffectClaim
  ) async throws(Problem) {
    heard.withLock { $0.commits.append(effects) }
    // Cancelled when whoever asked is gone.
    if mustNotAnswer.withLock({ $0 }) { try? await Task.sleep(for: .seconds(3600)) }
  }
  func invoke(
    _ module: QualifiedName, with event: Event, _ options: InvocationOptions, from node: NodeID
  ) async throws(Problem) -> ActivationReport {
    heard.withLock { $0.calls.append((module, options, node)) }
    return ActivationReport(result: .success(event.data))
  }
  /// Takes all but those that are too long for it.
  func forward(
    _ events: [ForwardedEvent], from node: NodeID
  ) async throws(Problem) -> ForwardedEvents {
    let count = events.firstIndex { $0.event.data.count > 2 } ?? events.count
    heard.withLock { $0.events += events.prefix(count) }
    guard count < events.count else { return ForwardedEvents(count: count) }
    return ForwardedEvents(
      count: count, problem: Problem(.overloaded, code: "event_log_full", "full", next: "Wait."))
  }
  func tell(_ news: ServiceNews) { heard.withLock { $0.news.append(news) } }
  func record(_ denial: CapabilityDenial, of activation: DeniedActivation) async throws(Problem) {
    heard.withLock { $0.denials.append(denial) }
  }

  func agent(_ node: String) -> (any AgentConnection)? {
    heard.withLock { $0.agents[NodeID(unchecked: node)] }
  }
}

/// Lets in whoever shows "good", as an invoker; holds what it is asked to hold.
final class TestCallers: AgentCallers {
  let heard = Mutex<[String]>([])

  func holder(
    of caller: AgentCaller, needing role: Role, for subject: String, at node: NodeID
  ) async throws(Problem) -> TokenHolder {
    heard.withLock { $0.append("\(subject) \(role.rawValue) \(caller.address) \(node)") }
    guard caller.token == "good" else {
      throw Problem(.refused, code: "token_unknown", "it is not known", next: "Get another.")
    }
    return TokenHolder(name: TokenName(unchecked: "t"), role: .invoker)
  }

  func orderByHand(
    _ module: QualifiedName, version: ModuleVersion?, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem) -> PlacementOrder {
    heard.withLock { $0.append("hold \(module) \(version?.text ?? "-") \(node)") }
    let digest = ModuleDigest(sha256: [UInt8](repeating: 1, count: 32))
    let version = version ?? ModuleVersion(unchecked: "1.0.0")
    let wall = WallInstant(microseconds: 5)
    return PlacementOrder(
      deployment: Deployment(
        namespace: module.namespace, application: ApplicationName(unchecked: "app"),
        name: module.name, version: version, digest: digest,
        configuration: DeploymentConfiguration(), generation: 3, deployedAt: wall),
      record: ModuleVersionRecord(
        namespace: module.namespace, name: module.name, version: version, digest: digest,
        size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: wall, pushedBy: .local),
      role: .retained, fence: .zero)
  }

  func releaseByHand(
    _ module: QualifiedName, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem) { heard.withLock { $0.append("release \(module) \(node)") } }
}

struct TestState: GuestState {
  func entry(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> StateEntry? {
    guard key.text != "missing" else { return nil }
    return StateEntry(
      key: key, value: Array(bucket.text.utf8), revision: StateRevision(7),
      modifiedAt: WallInstant(microseconds: 3), expiresAt: nil)
  }
  func entries(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int
  ) async throws(Problem) -> [StateEntry] { [] }
  func position(
    of bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> BucketPosition {
    throw Problem(.notFound, code: "bucket_unknown", "there is none", next: "Make one.")
  }
  func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after revision: StateRevision?,
    patience: Duration
  ) async throws(Problem) -> [StateChange] {
    // Until whoever asks gives up.
    try? await Task.sleep(for: .seconds(3600))
    return []
  }
}

/// An agent that runs whatever it is told to.
final class TestAgent: AgentConnection {
  struct Heard: Sendable {
    var messages: [ControlMessage] = []
    var hasClosed = false
    var running = 0
    var cancelled = 0
  }
  let heard = Mutex(Heard())

  func send(_ message: ControlMessage) { heard.withLock { $0.messages.append(message) } }
  func closed() { heard.withLock { $0.hasClosed = true } }

  /// Says what it was given; waits when it is told to.
  func run(
    _ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport {
    heard.withLock { $0.running += 1 }
    defer { heard.withLock { $0.running -= 1 } }
    if event.type == "wait" {
      try? await Task.sleep(for: .seconds(3600))
      heard.withLock { $0.cancelled += 1 }
      return ActivationReport(
        result: .failure(ActivationFailure(code: .cancelled, message: "cancelled")))
    }
    return ActivationReport(
      result: .success(event.data + Array("\(placement.generation) \(fence) \(attempt)".utf8)),
      log: [1, 2, 3],
      usage: ActivationUsage(
        queued: .microseconds(1), cpuTime: .microseconds(2), wallTime: .microseconds(3),
        memory: .kibibytes(64)))
  }
  func facts() async -> NodeFacts { Self.facts }
  func placementStatuses() async -> [PlacementStatus]? { [] }
  func distribution() async -> [DistributionStatus]? { Self.distribution }
  func killService(_ module: QualifiedName) async -> Bool { true }
  func disturb(_ disturbance: NodeDisturbance) async throws(Problem) {}
  func supervision() async throws(Problem) -> SupervisionStatus { TestTree.shown }
  func kill(child path: String) async throws(Problem) {}
  func logLines(of module: QualifiedName) async -> [LogLine] { [Self.line] }
  func followLog(of module: QualifiedName) async throws(Problem) -> AsyncStream<LogLine> {
    guard module.name.text != "none" else {
      throw Problem(.overloaded, code: "followers_too_many", "too many")
    }
    return AsyncStream { continuation in
      continuation.yield(Self.line)
      continuation.finish()
    }
  }

  static let distribution: [DistributionStatus] = {
    let stages: [DistributionStage] = [
      .waiting, .fetching(TransferProgress.Amount(received: .kibibytes(2), size: nil)),
      .fetching(TransferProgress.Amount(received: .kibibytes(2), size: .mebibytes(1))),
      .compiling, .ready(since: WallInstant(microseconds: 5)),
      .failed(Problem(.refused, code: "signature_missing", "no", next: "Sign it.")),
    ]
    return zip(stages, PlacementStanding.allCases + [.active, .fallback]).map { stage, role in
      DistributionStatus(
        node: WireTests.node, placement: WireTests.placement,
        version: ModuleVersion(unchecked: "1.0.0"),
        digest: ModuleDigest(sha256: [UInt8](repeating: 1, count: 32)), role: role, stage: stage)
    }
  }()

  static let line = LogLine(
    at: WallInstant(microseconds: 1), module: ModuleName(unchecked: "m"),
    version: ModuleVersion(unchecked: "1.0.0"), eventID: "e", text: "hello")
  static let facts = NodeFacts(
    engine: EngineFacts(
      libraryVersion: "50", architecture: "x86_64", cpuFeatures: ["sse2"], workers: 2,
      instanceSlots: 100, liveInstances: 1, queuedActivations: 0),
    startedAt: WallInstant(microseconds: 17))
}

/// A server on a port of its own, and what agents need to reach it.
struct TestWire {
  let plane: TestPlane
  let callers = TestCallers()
  let port: Int
  let authority: TestAuthority
  private let serving: Task<Void, any Error>

  /// - Parameters:
  ///   - authority: of the one whose place it takes; `nil` for one of its own.
  ///   - admit: whom it lets in.
  init(
    plane: TestPlane = TestPlane(), dns: String = PlaneName.controlPlane,
    connections: ConnectionBounds? = nil, authority: TestAuthority? = nil,
    admit: @escaping @Sendable ([UInt8]) async throws(Problem) -> NodeID = {
      (der) throws(Problem) in try TestAuthority.admit(der)
    },
    logger: Logger = TestWire.logger
  ) async throws {
    self.plane = plane
    self.authority = try authority ?? TestAuthority()
    var server = AttachServer(
      plane: plane, identity: try self.authority.plane(dns: dns), host: "127.0.0.1", port: 0,
      admit: admit, callers: callers,
      heartbeats: nil, patience: Self.patience,
      inquiryPatience: Self.patience, programVersion: "test", logger: logger)
    if let connections { server.connections = connections }
    let port = OneShot<Int>()
    serving = Task { [server] in
      do {
        try await server.run { port.fill($0) }
      } catch {
        port.fill(0)
        throw error
      }
    }
    self.port = await port.value
  }

  static let logger = Logger(label: "test")
  /// These tests share the machine with a thousand others.
  static let patience = Duration.seconds(500)

  func stop() async {
    serving.cancel()
    _ = await serving.result
  }

  func remote(_ identity: TestIdentity) -> RemoteControlPlane {
    RemoteControlPlane(
      at: { [port] in .init(host: "127.0.0.1", port: port) }, identity: identity, heartbeats: nil,
      tree: TestTree(), patience: Self.patience, transferPatience: Self.patience,
      programVersion: "test", logger: Logger(label: "test"))
  }

  func remote(_ node: String) throws -> RemoteControlPlane { remote(try authority.node(node)) }
}

/// Waits until something holds; a test that waits for ever ends by its time limit.
func until(_ condition: () async -> Bool) async throws {
  while !(await condition()) { try await Task.sleep(for: .milliseconds(5)) }
}

/// The parts of an agent's process that can only be looked at.
struct TestTree: SupervisionService {
  static let shown = SupervisionStatus(
    name: "main", kind: .supervisor, state: .running, restarts: 0, starts: 1, lastExit: nil,
    since: nil, strategy: .oneForOne,
    children: [
      SupervisionStatus(
        name: "engine", kind: .worker, state: .stopping, restarts: 2, starts: 3,
        lastExit: "failed: killed", since: WallInstant(microseconds: 7), strategy: nil,
        children: [])
    ])

  func status() async -> SupervisionStatus { Self.shown }
  func kill(path: String) async throws(Problem) {
    guard path == "main/engine" else {
      throw Problem(.notFound, code: "no_such_child", "nothing runs there")
    }
  }
}
