import ClusterAuthority
import ClusterModel
import DedicatedThreads
import DurableSQLite
import HeartbeatLink
import HostPorts
import LocalSystem
import Logging
import NodeAgent
import Supervision
import SupervisionRuntime
import WireProtocol

/// What `agent` does from its start to its end.
///
///     main
///     ├ identity      renewal (of the node's certificate)
///     ├ node          engine · agent
///     └ tools         listener (the agent's own service; only where it is wanted)
struct AgentSession: Sendable {
  private let node: NodeID
  private let identity: NodeIdentity
  private let services: NodeServices
  private let tree = ProcessTree()
  private let watch: AgentWatch
  private let tools: ToolListener?
  /// Held for as long as the agent lives.
  private let folder: DataFolder

  /// - Parameters:
  ///   - tools: where the agent's own service listens; `nil` for nowhere.
  ///   - landmarks: where the way to is measured.
  ///   - address: where the control plane takes agents, asked at each attachment.
  init(
    _ description: NodeDescription, in folder: DataFolder, identity: NodeIdentity,
    watch: AgentWatch,
    servingTools listen: ListenAddress?, landmarks: [Landmark],
    address: @escaping @Sendable () async throws(Problem) -> RemoteControlPlane.Address
  ) {
    self.folder = folder
    self.watch = watch
    self.identity = identity
    node = description.name
    let plane = RemoteControlPlane(
      at: address, identity: identity, heartbeats: DatagramDispatch { watch.announce($0, to: $1) },
      landmarks: landmarks, disturber: { SelfDisturbance.carryOut($0) }, tree: tree.handle,
      programVersion: ProgramVersion.text,
      logger: Logger(label: "control-plane"))
    services = NodeServices(
      description, of: plane, in: folder.path, firstCode: .optimised,
      heartbeatInterval: Self.ownInterval, urgency: .realTimeIfPermitted)
    let desk = AgentDesk(
      of: description.name, callers: plane, agent: services.agentSlot, clock: SystemClock())
    tools = listen.map { ToolListener(on: $0, desk, identity: identity) }
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
      [renewal] + services.children + [tools?.child].compactMap { $0 }, until: signals,
      ready: { [tools] in
        let place = tools?.address.map { ", serves tools at \($0)" } ?? ""
        StandardOutput.writeIfRead("WasmMatrix agent \(node): attached\(place)\n")
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
