import AccessControl
import ClusterAuthority
import ClusterModel
import ControlAPI
import ControlPlane
import HostPorts
import LocalSystem
import SupervisionRuntime
import Telemetry

/// What `control` does from its start to its end.
///
///     main
///     ├ modules, events, scheduling, nodes   the control plane
///     ├ data          meter
///     ├ access        admin (its token counts; only where tokens are wanted)
///     ├ agents        listener (attachments and heartbeats)
///     └ api           listener
struct ControlSession: Sendable {
  private let services: PlaneServices
  private let admin: AdminToken?
  private let agents: AgentListener
  private let api: APIListener
  private let tree = ProcessTree()

  /// - Parameters:
  ///   - identity: what agents are shown, and users where the API speaks TLS.
  ///   - admin: given when the API wants tokens.
  init(
    _ services: PlaneServices, api listen: ListenAddress, agents: AgentListener,
    identity: ControlPlaneIdentity, admin: AdminToken?, registry: PrometheusRegistry
  ) {
    self.services = services
    self.admin = admin
    self.agents = agents
    api = APIListener(
      on: listen, for: services.plane, supervision: tree.handle, backups: services.backups,
      access: APIAccess(service: services.access, identity: admin == nil ? nil : identity),
      registry: registry)
  }

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(until signals: StopSignals) async throws {
    let plane = services.plane
    try await tree.run(
      services.children + services.gate(admin) + [agents.child, api.child],
      telling: { if let notice = SupervisionNotice.of($0, $1) { plane.announce(notice) } },
      until: signals,
      ready: {
        guard let url = api.slot.current?.url, let port = agents.slot.current?.port else { return }
        StandardOutput.writeIfRead(
          "WasmMatrix control: \(url), agents attach at port \(port)\n")
      },
      quiesce: { await plane.quiesce() })
  }
}
