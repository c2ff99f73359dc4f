import ClusterModel
import ControlAPIClient
import ControlPlane
import DedicatedThreads
import HostPorts
import LocalSystem
import Logging
import Metrics
import ModuleTrust
import Supervision
import SupervisionRuntime
import Telemetry

/// What `dev` does from its start to its end: it runs the whole tree of services.
///
///     main
///     ├ modules, events, scheduling, nodes   the control plane
///     ├ node          engine · agent
///     ├ development   key (trusted once) · logs (what modules write is shown) · files (live reload)
///     └ api           listener
///
///     signal ──> nothing more is taken in; what runs comes to its end
///            ──> the tree stops, last child first: requests, reloads, agent, engine, stores
struct DevSession: Sendable {
  private let services: PlaneServices
  private let node: NodeServices
  private let signer: ModuleSigner
  private let manifestPath: String?
  private let listener: APIListener
  private let tree = ProcessTree()
  private let follower: ModuleLogFollower

  private static let caller = Caller(principal: .system)

  /// The node is in the same process as the control plane: when the one is silent so is the other, and
  /// there is nowhere to move anything. So heartbeats are rare, and it counts as lost only when they
  /// have stayed away for long.
  static let heartbeatInterval = Duration.seconds(1)

  init(
    _ services: PlaneServices, in folder: String, signer: ModuleSigner, manifestPath: String?,
    listen: ListenAddress, registry: PrometheusRegistry
  ) {
    self.services = services
    node = NodeServices(
      NodeDescription(name: NodeID(unchecked: "local")), of: services.plane.connection, in: folder,
      // Whoever waits for a change wants to see it; the optimised code comes a moment later.
      firstCode: .quick, heartbeatInterval: Self.heartbeatInterval,
      // In the process of the control plane it need not be ahead of anything.
      urgency: .ordinary)
    self.signer = signer
    self.manifestPath = manifestPath
    listener = APIListener(
      on: listen, for: services.plane, supervision: tree.handle, backups: services.backups,
      registry: registry)
    follower = ModuleLogFollower(cluster: services.plane, caller: Self.caller)
  }

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(until signals: StopSignals) async throws {
    let plane = services.plane
    try await tree.run(
      services.children + node.children + [development, api], telling: plane, until: signals,
      ready: { if let url = listener.slot.current?.url { Self.greet(url) } },
      quiesce: { await plane.quiesce() })
  }

  private static func greet(_ url: String) {
    StandardOutput.writeIfRead("WasmMatrix dev: \(url)\n")
  }

  private var api: ChildSpecification {
    ChildSpecification(
      "api",
      supervisor: SupervisorSpecification(children: [
        ChildSpecification("listener", shutdown: .within(APIListener.shutdown)) { listener.owner }
      ]))
  }

  private var development: ChildSpecification {
    var children = [
      ChildSpecification("key", restart: .transient) { ServiceFunction(trustKey) }
    ]
    if let manifestPath {
      children.append(ChildSpecification("logs") { ServiceFunction(follower.run) })
      children.append(
        ChildSpecification("files") {
          ServiceFunction { ready in try await reload(manifestPath, ready) }
        })
    }
    return ChildSpecification(
      "development", supervisor: SupervisorSpecification(children: children))
  }

  /// The key that signs local sources is trusted.
  @Sendable private func trustKey(_ ready: @escaping @Sendable () -> Void) async throws {
    _ = try await services.plane.trustKey(
      signer.publicKey.bytes, label: DevelopmentKey.label, by: Self.caller)
    ready()
  }

  /// Keeps the application like its files, through the API like anybody else.
  private func reload(_ path: String, _ ready: @escaping @Sendable () -> Void) async throws {
    ready()
    let client = try APIClient(server: try await listener.slot.borrow().url)
    await LiveReload(
      manifestPath: path, client: client, signer: signer, deployed: follower.follow
    ).run()
    await client.shutdown()
  }
}
