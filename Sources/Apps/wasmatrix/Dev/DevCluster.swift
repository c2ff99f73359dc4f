import AccessControl
import AccessRules
import ClusterAuthority
import ClusterModel
import ControlPlane
import ControlPlaneLogic
import DataBackup
import DurableSQLite
import EmbeddedEventBus
import EventRouting
import HTTPOut
import HostPorts
import LocalSystem
import Logging
import NodeAgent
import NodeAgentLogic
import SQLiteStore
import Supervision
import SupervisionRuntime
import WasmtimeEngine

/// A control plane and a node agent in this process, with their engine and stores.
///
///     modules, events, scheduling, nodes      the control plane, see ControlPlaneTree
///     data      meter     how much room there is in the data folder
///     node      engine    the threads and the memory that guests run in
///               agent     the node: registered, holding placements
struct DevCluster: Sendable {
  let plane: SupervisedControlPlane
  /// Whom it lets in.
  let access: AccessControl
  let authority: ClusterAuthority
  let backups: BackupMaker
  let meter: FolderMeter
  private let clock = SystemClock()
  private let engine = ResourceSlot<any ModuleEngine>("the engine")
  /// Holds the lock of the folder for as long as the cluster lives.
  private let folder: DataFolder

  /// Blocks: for the start of a program.
  ///
  /// - Parameter quota: what the folder may take; `nil` for no bound but the disk.
  init(
    in folder: DataFolder, _ events: EventLogOptions, quota: ByteCount?,
    certificates: CertificateRules
  ) throws(Problem) {
    self.folder = folder
    let meter = FolderMeter(DataMeter(of: folder, quota: quota))
    self.meter = meter
    backups = BackupMaker(in: folder, clock: clock) { () async throws(Problem) in
      try await meter.foldIn()
    }
    var configuration = LocalNode.planeConfiguration
    configuration.routing.pendingDeliveries = events.maxPending
    plane = SupervisedControlPlane(
      stores: SupervisedControlPlane.Stores(
        catalog: { () throws(Problem) in try CatalogDatabase(in: folder) },
        blobs: { () throws(Problem) in try BlobFolder(in: folder) },
        events: { () throws(Problem) in
          let log = try EventDatabase(in: folder, retention: events.retention)
          meter.looks(into: log)
          return EventStores(log: log, state: log.state)
        }),
      room: meter.meter, clock: clock, logger: Logger(label: "control-plane"),
      configuration: configuration)
    authority = try ClusterAuthority(in: folder.path, at: clock.now().wall)
    access = AccessControl(
      store: plane.access, issuer: authority, rules: certificates, attachAddresses: [],
      clock: clock, logger: Logger(label: "access"))
  }

  /// Its services, in the order of their start.
  var children: [ChildSpecification] {
    plane.children + [
      ChildSpecification(
        "data",
        supervisor: SupervisorSpecification(children: [
          ChildSpecification("meter") { [meter] in ServiceFunction(meter.run) }
        ])),
      ChildSpecification(.supervisor("node", AgentTree.plan), path: "node") { path in
        path == "node/engine" ? engineOwner as any SupervisedService : agent
      },
    ]
  }

  private var engineOwner: ResourceOwner<any ModuleEngine> {
    let (cache, scratch) = (folder.path + "/cache", folder.path + "/scratch")
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
    let clock = clock
    return NodeAgentService(
      registration: { () throws(Problem) in
        try LocalNode.registration(startedAt: clock.now().wall)
      },
      // Whoever waits for a change wants to see it; the optimised code comes a moment later.
      engine: engine, firstCode: .quick, plane: plane.connection, http: { HTTPOut() }, clock: clock,
      logger: Logger(label: "node-agent"),
      configuration: LocalNode.agentConfiguration)
  }
}
