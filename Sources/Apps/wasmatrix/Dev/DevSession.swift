import AccessControl
import ClusterModel
import ControlAPI
import ControlAPIClient
import ControlPlane
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
///     ├ access        admin (its token counts; only where tokens are wanted)
///     ├ development   key (trusted once) · logs (what modules write is shown) · files (live reload)
///     └ api           listener
///
///     signal ──> nothing more is taken in; what runs comes to its end
///            ──> the tree stops, last child first: requests, reloads, agent, engine, stores
struct DevSession: Sendable {
  private let cluster: DevCluster
  private let signer: ModuleSigner
  private let manifestPath: String?
  private let listener: APIListener
  /// Given when the API wants tokens.
  private let admin: AdminToken?
  private let tree = SupervisionHandle()
  private let follower: ModuleLogFollower

  private static let caller = Caller(principal: .system)

  private enum Ended { case tree, signal }

  init(
    cluster: DevCluster, signer: ModuleSigner, manifestPath: String?, listen: ListenAddress,
    identity: (any IdentitySource)?, admin: AdminToken?, registry: PrometheusRegistry
  ) {
    self.admin = admin
    self.cluster = cluster
    self.signer = signer
    self.manifestPath = manifestPath
    listener = APIListener(
      on: listen, for: cluster.plane, supervision: tree, backups: cluster.backups,
      access: APIAccess(service: cluster.access, identity: identity), registry: registry)
    follower = ModuleLogFollower(cluster: cluster.plane, caller: Self.caller)
  }

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(until signals: StopSignals) async throws {
    let main = SupervisorRunner(
      name: "main",
      SupervisorSpecification(children: cluster.children + gate + [development, api]),
      SupervisionEnvironment(
        clock: SystemClock(), logger: Logger(label: "supervisor"),
        onEvent: { [plane = cluster.plane] path, event in
          Self.count(path, event)
          if let notice = SupervisionNotice.of(event, path) { plane.announce(notice) }
        }))
    tree.set(main)
    try await withThrowingTaskGroup(of: Ended.self) { group in
      group.addTask {
        try await main.run { if let url = listener.slot.current?.url { Self.greet(url) } }
        return .tree
      }
      group.addTask {
        await signals.first()
        return .signal
      }
      if try await group.next() == .signal {
        ProgressPrinter.note("stopping; a second Ctrl-C ends it at once")
        await cluster.plane.quiesce()
        await main.stop()
      }
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  private static func greet(_ url: String) {
    StandardOutput.writeIfRead("WasmMatrix dev: \(url)\n")
  }

  private static func count(_ path: String, _ event: SupervisorEvent) {
    switch event {
    case .restarting(let child, _, _, _):
      Counter(
        label: "wasmatrix_supervision_restarts_total", dimensions: [("child", "\(path)/\(child)")]
      ).increment()
    case .escalated(let child, _, _, _):
      Counter(
        label: "wasmatrix_supervision_escalations_total",
        dimensions: [("child", "\(path)/\(child)")]
      ).increment()
    case .childStarted, .childStartFailed, .childEnded, .childStopped, .shutdownTimedOut: break
    }
  }

  private var gate: [ChildSpecification] {
    guard let admin else { return [] }
    let access = cluster.access
    return [
      ChildSpecification(
        "access",
        supervisor: SupervisorSpecification(children: [
          ChildSpecification("admin", restart: .transient) {
            ServiceFunction { ready in
              try await admin.admit(to: access)
              ready()
            }
          }
        ]))
    ]
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
    _ = try await cluster.plane.trustKey(
      signer.publicKey.bytes, label: DevelopmentKey.label, by: Self.caller)
    ready()
  }

  /// Keeps the application like its files, through the API like anybody else.
  private func reload(_ path: String, _ ready: @escaping @Sendable () -> Void) async throws {
    ready()
    let credentials = admin.map {
      ClientCredentials(trust: .authorities(cluster.access.authorities), token: $0.token)
    }
    let client = try await APIClient.connect(
      to: try await listener.slot.borrow().url, with: credentials ?? ClientCredentials())
    await LiveReload(
      manifestPath: path, client: client, signer: signer, deployed: follower.follow
    ).run()
    await client.shutdown()
  }
}
