import AccessControl
import ClusterAuthority
import ClusterModel
import DedicatedThreads
import DurableSQLite
import HeartbeatLink
import HostPorts
import LocalSystem
import Logging
import NodeAgent
import NodeStore
import Supervision
import SupervisionRuntime
import Telemetry
import WireProtocol

/// What `agent` does from its start to its end.
///
///     main
///     ├ identity      renewal (of the node's certificate)
///     ├ node          engine · agent
///     ├ tools         listener (the agent's own service; only where it is wanted)
///     ├ outbox        forwarder (of what came to its own entrance, and what modules published)
///     └ api           listener
struct AgentSession: Sendable {
  private let node: NodeID
  private let identity: NodeIdentity
  private let services: NodeServices
  private let tree = ProcessTree()
  private let watch: AgentWatch
  private let plane: RemoteControlPlane
  private let tools: ToolListener?
  private let entrance: APIListener?
  private let outbox: OutboxForwarder
  /// Held for as long as the agent lives.
  private let folder: DataFolder

  /// Where requests come in that are not the control plane's.
  struct Entrance: Sendable {
    let listen: ListenAddress
    /// Whether it speaks TLS and wants tokens.
    let isGuarded: Bool
    let registry: PrometheusRegistry
  }

  /// - Parameters:
  ///   - tools: where the agent's own service listens; `nil` for nowhere.
  ///   - landmarks: where the way to is measured.
  ///   - capacity: what events may take on the disk that the control plane does not have yet.
  ///   - entrance: `nil` for none.
  ///   - address: where the control plane takes agents, asked at each attachment.
  /// - Throws: ``Problem``: what the disk says.
  init(
    _ description: NodeDescription, in folder: DataFolder, identity: NodeIdentity,
    watch: AgentWatch, servingTools listen: ListenAddress?, landmarks: [Landmark],
    outbox capacity: ByteCount, entrance: Entrance?,
    address: @escaping @Sendable () async throws(Problem) -> RemoteControlPlane.Address
  ) throws(Problem) {
    self.folder = folder
    self.watch = watch
    self.identity = identity
    node = description.name
    let plane = RemoteControlPlane(
      at: address, identity: identity, heartbeats: DatagramDispatch { watch.announce($0, to: $1) },
      landmarks: landmarks, disturber: { SelfDisturbance.carryOut($0) }, tree: tree.handle,
      programVersion: ProgramVersion.text,
      logger: Logger(label: "control-plane"))
    self.plane = plane
    let store = try NodeFolder(
      in: folder, verify: { (seal) async throws(Problem) in try await identity.check(seal) },
      onTrouble: { Logger(label: "node-store").warning("\($0)") })
    let entry = OutboxEntry(
      try OutboxDatabase(in: folder, capacity: capacity), of: description.name,
      clock: SystemClock())
    let access = NodeAccess(clock: SystemClock(), logger: Logger(label: "entrance"))
    services = NodeServices(
      description, of: plane, outbox: entry, store: store, onStanding: { access.take($0) },
      in: folder.path,
      firstCode: .optimised,
      heartbeatInterval: Self.ownInterval, urgency: .realTimeIfPermitted)
    let desk = AgentDesk(
      of: description.name, callers: plane, agent: services.agents, clock: SystemClock())
    tools = listen.map { ToolListener(on: $0, desk, identity: identity) }
    outbox = OutboxForwarder(
      entry, to: plane, agents: services.agents, clock: SystemClock(),
      logger: Logger(label: "outbox"))
    guard let entrance else {
      self.entrance = nil
      return
    }
    self.entrance = APIListener(
      on: entrance.listen,
      entrance: NodeEntrance(
        of: description.name, agents: services.agents, plane: plane, outbox: entry),
      tokens: access, identity: entrance.isGuarded ? identity.shown : nil,
      registry: entrance.registry)
  }

  /// Until the control plane says what it wants.
  private static let ownInterval = Duration.milliseconds(50)

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(until signals: StopSignals) async throws {
    let (node, plane, entrance) = (node, plane, entrance)
    defer { watch.end() }
    try await tree.run(
      [renewal] + services.children + [tools?.child].compactMap { $0 } + outside,
      telling: { event, path in
        if let news = SupervisionNotice.news(of: event, path, on: node) { plane.tell(news) }
      },
      until: signals,
      ready: { [tools] in
        let state = plane.isOpen ? "attached" : "the control plane is not there yet"
        let place = entrance?.slot.current.map { ", \($0.url)" } ?? ""
        let serving = tools?.address.map { ", serves tools at \($0)" } ?? ""
        StandardOutput.writeIfRead("WasmMatrix agent \(node): \(state)\(place)\(serving)\n")
      },
      quiesce: {})
  }

  private var outside: [ChildSpecification] {
    [
      ChildSpecification(
        "outbox",
        supervisor: SupervisorSpecification(children: [
          ChildSpecification("forwarder") { [outbox] in outbox }
        ]))
    ] + [entrance?.child].compactMap { $0 }
  }

  private var renewal: ChildSpecification {
    ChildSpecification(
      "identity",
      supervisor: SupervisorSpecification(children: [
        ChildSpecification("renewal") { [identity] in
          ServiceFunction { ready in try await identity.run(ready: ready) }
        }
      ]))
  }
}
