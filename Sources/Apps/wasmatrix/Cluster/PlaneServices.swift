import AccessControl
import AccessRules
import ClusterAuthority
import ClusterModel
import ControlPlane
import ControlPlaneLogic
import DataBackup
import DedicatedThreads
import DurableSQLite
import EmbeddedEventBus
import EventRouting
import HostPorts
import LocalSystem
import Logging
import NodeTracking
import SQLiteStore
import Supervision
import SupervisionRuntime

/// A control plane in this process, with its stores.
///
///     modules, events, scheduling, nodes      the control plane, see ControlPlaneTree
///     data      meter     how much room there is in the data folder
struct PlaneServices: Sendable {
  let plane: SupervisedControlPlane
  /// Whom it lets in.
  let access: AccessControl
  let authority: ClusterAuthority
  /// Where agents attach; filled by whoever listens for them.
  let attachPoint = AttachPoint()
  /// What its agents leave between two heartbeats.
  let heartbeatInterval: Duration
  let backups: BackupMaker
  let meter: FolderMeter
  /// Holds the lock of the folder for as long as the control plane lives.
  private let folder: DataFolder

  /// Blocks: for the start of a program.
  ///
  /// - Parameters:
  ///   - tracking: how its agents beat, and when they are missed.
  ///   - entry: where requests come in; `nil` for nowhere in particular.
  init(
    in folder: DataFolder, _ options: PlaneOptions, tracking: NodeTracker.Configuration,
    entry: NodeLocation? = nil
  ) throws(Problem) {
    heartbeatInterval = tracking.heartbeatInterval
    self.folder = folder
    let clock = SystemClock()
    let meter = FolderMeter(DataMeter(of: folder, quota: options.quota))
    self.meter = meter
    backups = BackupMaker(in: folder, clock: clock) { () async throws(Problem) in
      try await meter.foldIn()
    }
    var configuration = ControlPlaneLogic.Configuration()
    configuration.tracking = tracking
    configuration.entry = entry
    configuration.routing.pendingDeliveries = options.events.maxPending
    configuration.standingPlanLife = options.standingPlanLife.duration
    authority = try ClusterAuthority(in: folder.path, at: clock.now().wall)
    let retention = options.events.retention
    plane = SupervisedControlPlane(
      stores: SupervisedControlPlane.Stores(
        catalog: { () throws(Problem) in try CatalogDatabase(in: folder) },
        blobs: { () throws(Problem) in try BlobFolder(in: folder) },
        events: { () throws(Problem) in
          let log = try EventDatabase(in: folder, retention: retention)
          meter.looks(into: log)
          return EventStores(log: log, state: log.state)
        }),
      room: meter.meter, sealer: authority, clock: clock,
      thread: { ThreadExecutor(name: "wm-plane", urgency: .realTimeIfPermitted) },
      logger: Logger(label: "control-plane"),
      configuration: configuration)
    access = AccessControl(
      store: plane.access, issuer: authority, rules: options.certificates.rules,
      attachAddresses: { [attachPoint] in attachPoint.addresses },
      onChange: { [plane] in plane.usersChanged() },
      onForgotten: { [plane] node in plane.hangUp(on: node) }, clock: clock,
      logger: Logger(label: "access"))
  }

  /// The admin's token counts; only where tokens are wanted.
  func gate(_ admin: AdminToken?) -> [ChildSpecification] {
    guard let admin else { return [] }
    let access = access
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

  /// Its services, in the order of their start.
  var children: [ChildSpecification] {
    plane.children + [
      ChildSpecification(
        "data",
        supervisor: SupervisorSpecification(children: [
          ChildSpecification("meter") { [meter] in ServiceFunction(meter.run) }
        ]))
    ]
  }
}
