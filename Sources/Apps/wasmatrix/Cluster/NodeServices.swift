import ClusterModel
import DedicatedThreads
import HTTPOut
import HostPorts
import LocalSystem
import Logging
import NodeAgent
import NodeAgentLogic
import NodeStore
import Supervision
import SupervisionRuntime
import WasmtimeEngine

/// The agent of this machine, with its engine, and whichever control plane it is of.
///
///     node      engine    the threads and the memory that guests run in
///               agent     the node: registered, holding placements
struct NodeServices: Sendable {
  private let description: NodeDescription
  private let plane: any ControlPlaneConnection
  private let outbox: OutboxEntry?
  private let store: (any NodeStore)?
  private let onStanding: @Sendable (StandingPlan) -> Void
  private let firstCode: CodeMode
  private let folder: String
  private let incarnations: IncarnationKeeper
  private let heartbeatInterval: Duration
  private let urgency: ThreadUrgency
  /// Where the agent is that there is.
  let agents = ResourceSlot<NodeAgent>("the agent")
  private let engine = ResourceSlot<any ModuleEngine>("the engine")
  private let clock = SystemClock()

  /// - Parameters:
  ///   - outbox: where what modules publish comes to lie; `nil` in the process of the control plane.
  ///   - store: what is kept for a start without the control plane; `nil` where there is no such start.
  ///   - onStanding: hears of each standing plan that counts.
  ///   - folder: keeps what was compiled, scratch folders, and the last start of the agent.
  ///   - firstCode: with `quick` a placement is ready sooner, and optimised while it serves.
  ///   - urgency: of the thread that the agent runs on.
  init(
    _ description: NodeDescription, of plane: any ControlPlaneConnection,
    outbox: OutboxEntry? = nil, store: (any NodeStore)? = nil,
    onStanding: @escaping @Sendable (StandingPlan) -> Void = { _ in }, in folder: String,
    firstCode: CodeMode, heartbeatInterval: Duration, urgency: ThreadUrgency
  ) {
    self.urgency = urgency
    self.description = description
    self.plane = plane
    self.outbox = outbox
    self.store = store
    self.onStanding = onStanding
    self.firstCode = firstCode
    self.folder = folder
    incarnations = IncarnationKeeper(in: folder) {
      Logger(label: "node-store").warning("\($0)")
    }
    self.heartbeatInterval = heartbeatInterval
  }

  var children: [ChildSpecification] {
    [
      ChildSpecification(.supervisor("node", AgentTree.plan), path: "node") { path in
        path == "node/engine" ? engineOwner as any SupervisedService : agent
      }
    ]
  }

  private var engineOwner: ResourceOwner<any ModuleEngine> {
    let (cache, scratch) = (folder + "/cache", folder + "/scratch")
    return ResourceOwner(
      of: engine,
      open: {
        try await BlockingCall.run { () throws(Problem) in
          try WasmtimeEngine(cacheFolder: cache, scratchFolder: scratch) { trouble in
            Logger(label: "engine").warning(
              "modules are compiled at each start", metadata: ["problem": "\(trouble)"])
          }
        }
      },
      close: { engine in
        try await BlockingCall.run { () throws(Problem) in (engine as? WasmtimeEngine)?.stop() }
      })
  }

  private var agent: NodeAgentService {
    let (clock, description, incarnations) = (clock, description, incarnations)
    return NodeAgentService(
      registration: { [urgency] () async throws(Problem) in
        let incarnation = try await BlockingCall.run { () throws(Problem) in
          incarnations.next(at: clock.now().wall)
        }
        return try description.registration(
          as: incarnation, punctuality: HeartbeatScheduling.probe(urgency).punctuality)
      },
      engine: engine, firstCode: firstCode, plane: plane, outbox: outbox, store: store,
      onStanding: onStanding,
      slot: agents, http: { HTTPOut() }, clock: clock,
      thread: { [urgency] in ThreadExecutor(name: "wm-agent", urgency: urgency) },
      logger: Logger(label: "node-agent"),
      configuration: NodeAgentLogic.Configuration(heartbeatInterval: heartbeatInterval))
  }
}
