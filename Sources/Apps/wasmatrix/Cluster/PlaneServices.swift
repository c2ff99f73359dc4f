import ClusterModel
import ControlPlane
import ControlPlaneLogic
import DataBackup
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
  let backups: BackupMaker
  let meter: FolderMeter
  /// Holds the lock of the folder for as long as the control plane lives.
  private let folder: DataFolder

  /// - Parameters:
  ///   - heartbeatInterval: of its agents.
  ///   - quota: what the folder may take; `nil` for no bound but the disk.
  init(
    in folder: DataFolder, _ events: EventLogOptions, quota: ByteCount?,
    heartbeatInterval: Duration
  ) {
    self.folder = folder
    let clock = SystemClock()
    let meter = FolderMeter(DataMeter(of: folder, quota: quota))
    self.meter = meter
    backups = BackupMaker(in: folder, clock: clock) { () async throws(Problem) in
      try await meter.foldIn()
    }
    var configuration = ControlPlaneLogic.Configuration()
    configuration.tracking.heartbeatInterval = heartbeatInterval
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
