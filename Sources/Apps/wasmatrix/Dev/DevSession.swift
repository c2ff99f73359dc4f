import AccessControl
import ClusterModel
import ControlAPI
import ControlAPIClient
import ControlPlane
import DedicatedThreads
import HostPorts
import LocalSystem
import Logging
import ModuleTrust
import Supervision
import SupervisionRuntime
import Telemetry

/// What `dev` does from its start to its end: it runs the whole tree of services.
///
///     main
///     ├ modules, events, scheduling, nodes   the control plane
///     ├ node          engine · agent          (the one in this process)
///     │ or: agents    listener                (the others attach there)
///     │     processes node-1 · node-2 · ...   (each a process)
///     ├ access        admin (its token counts; only where tokens are wanted)
///     ├ development   key (trusted once) · logs (what modules write is shown) · files (live reload)
///     └ api           listener
///
///     signal ──> nothing more is taken in; what runs comes to its end
///            ──> the tree stops, last child first: requests, reloads, agent, engine, stores
struct DevSession: Sendable {
  private let services: PlaneServices
  private let nodes: DevNodes
  private let signer: ModuleSigner
  private let manifestPath: String?
  private let listener: APIListener
  /// Given when the API wants tokens.
  private let admin: AdminToken?
  private let tree = ProcessTree()
  private let follower: ModuleLogFollower

  private static let caller = Caller(principal: .system)

  /// - Parameters:
  ///   - identity: what the API shows of itself; `nil` where it does not speak TLS.
  ///   - admin: given when the API wants tokens.
  init(
    _ services: PlaneServices, nodes: DevNodes, signer: ModuleSigner, manifestPath: String?,
    listen: ListenAddress, identity: (any IdentitySource)?, admin: AdminToken?,
    registry: PrometheusRegistry
  ) {
    self.services = services
    self.nodes = nodes
    self.admin = admin
    self.signer = signer
    self.manifestPath = manifestPath
    listener = APIListener(
      on: listen, for: services.plane, supervision: tree.handle, backups: services.backups,
      access: APIAccess(service: services.access, identity: identity), registry: registry)
    follower = ModuleLogFollower(cluster: services.plane, caller: Self.caller)
  }

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(until signals: StopSignals) async throws {
    let plane = services.plane
    try await tree.run(
      children,
      telling: { if let notice = SupervisionNotice.of($0, $1) { plane.announce(notice) } },
      until: signals,
      ready: { if let url = listener.slot.current?.url { Self.greet(url) } },
      quiesce: { await plane.quiesce() })
  }

  private static func greet(_ url: String) {
    StandardOutput.writeIfRead("WasmMatrix dev: \(url)\n")
  }

  private var children: [ChildSpecification] {
    let gate = services.gate(admin)
    switch nodes {
    case .inProcess(let node):
      return services.children + node.children + gate + [development, listener.child]
    case .processes(let processes):
      // What is deployed waits until there are nodes for it.
      return services.children + gate
        + [
          processes.listener.child, listener.child, processes.child(joiningAt: listener.slot),
          development,
        ]
    }
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
    let credentials = admin.map {
      ClientCredentials(trust: .authorities(services.access.authorities), token: $0.token)
    }
    let client = try await APIClient.connect(
      to: try await listener.slot.borrow().url, with: credentials ?? ClientCredentials())
    await LiveReload(
      manifestPath: path, client: client, signer: signer, deployed: follower.follow
    ).run()
    await client.shutdown()
  }
}
