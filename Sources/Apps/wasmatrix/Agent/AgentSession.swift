import ClusterAuthority
import ClusterModel
import DedicatedThreads
import DurableSQLite
import HeartbeatLink
import HostPorts
import LocalSystem
import Logging
import NodeStore
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
  private let plane: RemoteControlPlane
  /// Held for as long as the agent lives.
  private let folder: DataFolder

  /// - Parameter address: where the control plane takes agents, asked at each attachment.
  /// - Throws: ``Problem``: what the disk says.
  init(
    _ description: NodeDescription, in folder: DataFolder, identity: NodeIdentity,
    address: @escaping @Sendable () async throws(Problem) -> RemoteControlPlane.Address
  ) throws(Problem) {
    self.folder = folder
    let watch = AgentWatch()
    self.watch = watch
    self.identity = identity
    node = description.name
    let plane = RemoteControlPlane(
      at: address, identity: identity, heartbeats: DatagramDispatch { watch.announce($0, to: $1) },
      disturber: { SelfDisturbance.carryOut($0) }, programVersion: ProgramVersion.text,
      logger: Logger(label: "control-plane"))
    self.plane = plane
    let store = try NodeFolder(
      in: folder, verify: { (seal) async throws(Problem) in try await identity.check(seal) },
      onTrouble: { Logger(label: "node-store").warning("\($0)") })
    services = NodeServices(
      description, of: plane, store: store, in: folder.path, firstCode: .optimised,
      heartbeatInterval: Self.ownInterval, urgency: .realTimeIfPermitted)
  }

  /// Until the control plane says what it wants.
  private static let ownInterval = Duration.milliseconds(50)

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: `SupervisionFailure`: something could not be started, or failed again and again.
  func run(until signals: StopSignals) async throws {
    let (node, plane) = (node, plane)
    defer { watch.end() }
    try await tree.run(
      [renewal] + services.children, until: signals,
      ready: {
        let state = plane.isOpen ? "attached" : "the control plane is not there yet"
        StandardOutput.writeIfRead("WasmMatrix agent \(node): \(state)\n")
      },
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
