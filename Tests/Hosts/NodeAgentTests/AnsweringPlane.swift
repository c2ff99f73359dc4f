import ClusterModel
import HostPorts
import Synchronization

/// A control plane that lets everybody in and answers each heartbeat with a newer plan, on the spot.
final class AnsweringPlane: ControlPlaneConnection {
  private struct State {
    var agent: (any AgentConnection)?
    var heartbeats = 0
    var newest = PlanVersion.zero
    /// The newest plan that the agent says it obeys.
    var obeyed = PlanVersion.zero
  }

  private let content = Mutex(State())
  let heartbeats = Atomic<Int>(0)
  let plansObeyed = Atomic<Int>(0)
  /// What it says of events that are forwarded.
  let forwarding = Mutex<@Sendable ([ForwardedEvent]) -> Result<ForwardedEvents, Problem>> { _ in
    .failure(nothing)
  }

  func open(
    _ agent: any AgentConnection, from node: NodeID, _ incarnation: Incarnation
  ) async throws(Problem) -> AgentLink {
    content.withLock { $0.agent = agent }
    return AgentLink(AgentLinkID(1))
  }

  func send(_ message: AgentMessage) {
    let agent = content.withLock { $0.agent }
    switch message {
    case .attached(let registration, _):
      agent?.send(.welcome(registration.incarnation, term: 1))
    case .heartbeat(let heartbeat):
      heartbeats.add(1, ordering: .releasing)
      let plan = NodePlan(
        node: heartbeat.node, incarnation: heartbeat.incarnation,
        version: PlanVersion(term: 1, counter: heartbeat.sequence), orders: [])
      agent?.send(.plan(plan))
    case .reported(let report):
      if report.plan > .zero { plansObeyed.add(1, ordering: .releasing) }
      agent?.send(.reportAcknowledged(report.incarnation, sequence: report.sequence, term: 1))
    case .left: break
    }
  }

  func close(_ link: AgentLinkID, from node: NodeID, _ incarnation: Incarnation) async {
    content.withLock { $0.agent = nil }
  }

  func measured(_ roundTrip: Duration, from node: NodeID) {}
  func measured(_ samples: [RoundTripSample], from node: NodeID) {}

  private static let nothing = Problem(.notFound, code: "test", "there is nothing here")
  func module(
    _ digest: ModuleDigest, _ progress: TransferProgress
  ) async throws(Problem) -> [UInt8] { throw Self.nothing }
  func trustedKeys() async throws(Problem) -> [TrustedKey] { [] }
  let state: any GuestState = NoState()
  func commit(
    _ effects: ActivationEffects, of activation: DeniedActivation, under claim: EffectClaim
  ) async throws(Problem) {}
  func invoke(
    _ module: QualifiedName, with event: Event, _ options: InvocationOptions, from node: NodeID
  ) async throws(Problem) -> ActivationReport { throw Self.nothing }
  func forward(
    _ events: [ForwardedEvent], from node: NodeID
  ) async throws(Problem) -> ForwardedEvents {
    try forwarding.withLock { $0 }(events).get()
  }
  func tell(_ news: ServiceNews) {}
  func record(_ denial: CapabilityDenial, of activation: DeniedActivation) async throws(Problem) {}

  private struct NoState: GuestState {
    func entry(
      _ key: StateKey, in bucket: BucketName, of namespace: Namespace
    ) async throws(Problem) -> StateEntry? { nil }
    func entries(
      in bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int
    ) async throws(Problem) -> [StateEntry] { [] }
    func position(
      of bucket: BucketName, of namespace: Namespace
    ) async throws(Problem) -> BucketPosition { throw AnsweringPlane.nothing }
    func changes(
      in bucket: BucketName, of namespace: Namespace, prefix: String,
      after revision: StateRevision?, patience: Duration
    ) async throws(Problem) -> [StateChange] { [] }
  }
}

struct IdleEngine: ModuleEngine {
  func prepare(
    _ bytes: [UInt8], digest: ModuleDigest, startingWith mode: CodeMode
  ) async throws(Problem) -> any PreparedModule {
    throw Problem(.invalidInput, code: "test", "this engine runs nothing")
  }
  var facts: EngineFacts {
    EngineFacts(
      libraryVersion: "none", architecture: "none", cpuFeatures: [], workers: 0, instanceSlots: 1,
      liveInstances: 0, queuedActivations: 0)
  }
  var activity: EngineActivity {
    EngineActivity(instanceSlots: 1, liveInstances: 0, queuedActivations: 0, workers: [])
  }
}

struct NoHTTP: OutboundHTTP {
  func send(_ call: HTTPCall, under grant: HTTPGrant) async throws(Problem) -> OutboundOutcome {
    throw Problem(.unavailable, code: "test", "nothing is asked here")
  }
  func stop() async {}
}

struct TestClock: HostClock {
  private static let start = ContinuousClock.now
  func now() -> Instants {
    Instants(
      monotonic: MonotonicInstant(nanoseconds: (ContinuousClock.now - Self.start).nanoseconds),
      wall: WallInstant(microseconds: 1))
  }
}
