import ClusterAuthority
import ClusterModel
import DedicatedThreads
import DurableSQLite
import HeartbeatLink
import HostPorts
import LocalSystem
import Logging
import Supervision
import SupervisionRuntime
import WireProtocol

/// What `agent` does from its start to its end.
///
///     main
///     ├ identity      renewal (of the node's certificate)
///     └ node          engine · agent
struct AgentSession: Sendable {
  private let node: NodeID
  private let identity: NodeIdentity
  private let services: NodeServices
  private let tree = ProcessTree()
  private let watch: AgentWatch
  /// Held for as long as the agent lives.
  private let folder: DataFolder

  /// - Parameter address: where the control plane takes agents, asked at each attachment.
  init(
    _ description: NodeDescription, in folder: DataFolder, identity: NodeIdentity,
    watch: AgentWatch,
    address: @escaping @Sendable () async throws(Problem) -> RemoteControlPlane.Address
  ) {
    self.folder = folder
    self.watch = watch
    self.identity = identity
    node = description.name
    let plane = RemoteControlPlane(
      at: address, identity: identity, heartbeats: DatagramDispatch { watch.announce($0, to: $1) },
      disturber: { SelfDisturbance.carryOut($0) }, tree: tree.handle,
      programVersion: ProgramVersion.text,
      logger: Logger(label: "control-plane"))
    services = NodeServices(
      description, of: plane, in: folder.path, firstCode: .optimised,
      heartbeatInterval: Self.ownInterval, urgency: .realTimeIfPermitted)
  }

  /// Until the control plane says what it wants.
  private static let ownInterval = Duration.milliseconds(50)

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(until signals: StopSignals) async throws {
    let node = node
    defer { watch.end() }
    try await tree.run(
      [renewal] + services.children, until: signals,
      ready: { StandardOutput.writeIfRead("WasmMatrix agent \(node): attached\n") },
      quiesce: {})
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
