public import ClusterModel
public import ControlPlaneLogic
import EventRouting
public import HostPorts
public import Logging
import ModuleCatalog
import ModuleVerification
import NodeTracking
import Supervision
public import SupervisionRuntime

/// The control plane of a cluster, as the services of ``ControlPlaneTree`` and the way to them. It holds
/// nothing itself: each service owns what can fail, and while one is being restarted whoever needs it
/// waits a little.
///
///     ClusterService ──> scheduler ──> registry, verifiers, bus   (stores: writes wait, none is lost)
///                            │
///                            ├──> router, balancer                (what runs: events run again,
///                            │                                     callers hear that nobody knows)
///     agents <──> attach, heartbeats ──> scheduler                (links: agents attach again)
public final class SupervisedControlPlane: Sendable {
  /// How the stores are opened, at each start of their owners. Blocking is fine.
  public struct Stores: Sendable {
    let catalog: @Sendable () throws(Problem) -> any RegistryStore
    let blobs: @Sendable () throws(Problem) -> any BlobStore
    let events: @Sendable () throws(Problem) -> EventStores

    public init(
      catalog: @escaping @Sendable () throws(Problem) -> any RegistryStore,
      blobs: @escaping @Sendable () throws(Problem) -> any BlobStore,
      events: @escaping @Sendable () throws(Problem) -> EventStores
    ) {
      self.catalog = catalog
      self.blobs = blobs
      self.events = events
    }
  }

  private let stores: Stores
  let room: any DataRoom
  private let sealer: (any PlanSealer)?
  let clock: any HostClock
  private let random: any RandomNumberGenerator & Sendable
  private let thread: @Sendable () -> any ActorThread
  private let logger: Logger
  private let configuration: ControlPlaneLogic.Configuration

  private let registry = ResourceSlot<Registry>("the registry")
  private let verifiers = ResourceSlot<VerifierPool>("the verification of signatures")
  let bus = ResourceSlot<EventStores>("the event log")
  private let deliveries = WorkPool()
  private let invocations = WorkPool()
  private let links = AgentLinks()
  let tails = EventTails()
  let plane = ResourceSlot<ControlPlane>("the control plane")

  /// - Parameters:
  ///   - room: where what is kept must find room first.
  ///   - sealer: signs what nodes may obey when they boot alone; `nil` where they never do.
  ///   - thread: what each incarnation decides on; it ends with it.
  public init(
    stores: Stores, room: any DataRoom = UnboundedRoom(), sealer: (any PlanSealer)? = nil,
    clock: any HostClock, thread: @escaping @Sendable () -> any ActorThread, logger: Logger,
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
    configuration: ControlPlaneLogic.Configuration = ControlPlaneLogic.Configuration()
  ) {
    self.stores = stores
    self.room = room
    self.sealer = sealer
    self.clock = clock
    self.logger = logger
    self.random = random
    self.thread = thread
    self.configuration = configuration
  }

  /// Its services, to be put below the supervisor of the process. Anything that uses it comes after
  /// them.
  public var children: [ChildSpecification] {
    ControlPlaneTree.children.map { child in
      ChildSpecification(child, path: child.rules.id.text) { path in
        guard let service = ControlPlaneTree.Service(rawValue: path) else {
          preconditionFailure("the tree names a service that is none: \(path)")
        }
        return self.make(service)
      }
    }
  }

  /// How agents in this process reach it.
  public var connection: any ControlPlaneConnection {
    LocalControlPlaneConnection(
      links: links, plane: plane, state: SlottedState(slot: bus, clock: clock))
  }

  /// Who may call nodes has changed, which they are told.
  public func usersChanged() { Task { await plane.current?.feed(.standingContentChanged) } }

  /// A node has lost its right to be one: it is hung up on, and its work is moved as that of one whose
  /// connection has closed.
  public func hangUp(on node: NodeID) {
    links.hangUp(on: node)
    Task { await plane.current?.agentEnded(node, .connectionClosed) }
  }

  /// The process of an agent was seen to end.
  public func witnessDeath(of node: NodeID, _ incarnation: Incarnation) {
    links.died(node, incarnation)
  }

  /// The same, from who started it and starts no other before this returns.
  public func witnessDeath(of node: NodeID) async {
    await plane.current?.agentEnded(node, .processEnded)
  }

  /// Tokens and joined nodes, where the catalog is.
  public var access: any AccessStore { SlottedAccess(slot: registry) }

  /// Takes nothing more in, and lets what runs come to its end for at most `patience`. What was not done
  /// by then is done after the next start.
  public func quiesce(patience: Duration = .seconds(5)) async {
    await plane.current?.quiesce(patience: patience)
  }

  private func make(_ service: ControlPlaneTree.Service) -> any SupervisedService {
    switch service {
    case .registry: registryOwner
    case .verifiers:
      ResourceOwner(of: verifiers, open: { VerifierPool() }, close: { await $0.drain() })
    case .bus: busOwner
    case .router: WorkPoolOwner(of: deliveries)
    case .balancer: WorkPoolOwner(of: invocations)
    case .scheduler: schedulerOwner
    case .attach: AttachListener(links: links, plane: plane)
    case .heartbeats: HeartbeatMonitor(links: links, plane: plane)
    }
  }

  private var registryOwner: ResourceOwner<Registry> {
    let stores = stores
    return ResourceOwner(
      of: registry,
      open: {
        try await BlockingCall.run { () throws(Problem) in
          Registry(catalog: try stores.catalog(), blobs: try stores.blobs())
        }
      }, close: { try await $0.catalog.close() })
  }

  private var busOwner: ResourceOwner<EventStores> {
    let stores = stores
    return ResourceOwner(
      of: bus, open: { try await BlockingCall.run { () throws(Problem) in try stores.events() } },
      close: { try await $0.log.close() })
  }

  private var schedulerOwner: ResourceOwner<ControlPlane> {
    let parts = ControlPlane.Parts(
      catalog: SlottedCatalog(slot: registry), blobs: SlottedBlobs(slot: registry),
      events: SlottedLog(slot: bus, room: room), room: room, verifiers: verifiers, links: links,
      deliveries: deliveries,
      invocations: invocations, tails: tails, sealer: sealer, access: access,
      clock: clock, random: random, thread: thread, logger: logger,
      configuration: configuration)
    return ResourceOwner(
      of: plane, open: { try await ControlPlane.start(parts) }, close: { await $0.end() })
  }
}

private struct LocalControlPlaneConnection: ControlPlaneConnection {
  let links: AgentLinks
  let plane: ResourceSlot<ControlPlane>
  let state: any GuestState

  func open(
    _ agent: any AgentConnection, from node: NodeID, _ incarnation: Incarnation
  ) async throws(Problem) -> AgentLink {
    AgentLink(try links.open(agent, from: node))
  }

  func send(_ message: AgentMessage) { links.take(message) }

  func measured(_ roundTrip: Duration, from node: NodeID) {
    links.measured(roundTrip, from: node)
  }

  func measured(_ samples: [RoundTripSample], from node: NodeID) {
    links.measured(samples, from: node)
  }

  func close(_ link: AgentLinkID, from node: NodeID, _ incarnation: Incarnation) async {
    links.close(link, from: node, incarnation)
  }

  func module(
    _ digest: ModuleDigest, _ progress: TransferProgress
  ) async throws(Problem) -> [UInt8] {
    try await plane.borrow().module(digest)
  }

  func trustedKeys() async throws(Problem) -> [TrustedKey] {
    try await plane.borrow().logic.catalog.allKeys
  }

  func commit(
    _ effects: ActivationEffects, of activation: DeniedActivation, under claim: EffectClaim
  ) async throws(Problem) {
    try await plane.borrow().commit(effects, of: activation, under: claim)
  }

  func invoke(
    _ module: QualifiedName, with event: Event, _ options: InvocationOptions, from node: NodeID
  ) async throws(Problem) -> ActivationReport {
    try await plane.borrow().invoke(
      module.name, with: event, options, by: Self.caller(node, module.namespace))
  }

  func forward(
    _ events: [ForwardedEvent], from node: NodeID
  ) async throws(Problem) -> ForwardedEvents {
    try await plane.borrow().take(events) { Self.caller(node, $0) }
  }

  /// The node has seen who it was; what is on record here is whose word that is.
  private static func caller(_ node: NodeID, _ namespace: Namespace) -> Caller {
    Caller(principal: Principal(kind: .node, name: node.text), namespace: namespace)
  }

  func tell(_ news: ServiceNews) {
    // Told after one another as far as they can be: each has its time.
    Task { await plane.current?.announce(LifecycleNotice(news)) }
  }

  func record(_ denial: CapabilityDenial, of activation: DeniedActivation) async throws(Problem) {
    try await plane.borrow().record(denial, of: activation)
  }
}
