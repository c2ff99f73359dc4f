import ClusterModel
import ControlPlane
import ControlPlaneLogic
import Crypto
import DedicatedThreads
import DurableSQLite
import EmbeddedEventBus
import Foundation
import HTTPOut
import HostPorts
import Logging
import ModuleTrust
import NodeAgent
import NodeAgentLogic
import SQLiteStore
import Supervision
import SupervisionRuntime
import WasmtimeEngine

/// A control plane and a node of this process, on a real disk, with the real engine, without HTTP.
final class Cluster: Sendable {
  let plane: SupervisedControlPlane
  let caller = Caller(principal: .local)
  private let main: SupervisorRunner
  private let running: Task<Void, any Error>
  private let signer: ModuleSigner
  private let folder: DataFolder

  init(in workspace: Workspace, maximumPending: Int? = nil) async throws {
    let folder = try DataFolder(workspace.path + "/cluster")
    self.folder = folder
    let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    let clock = Sample.clock
    var configuration = ControlPlaneLogic.Configuration()
    configuration.tracking.heartbeatInterval = .seconds(5)
    if let maximumPending { configuration.routing.pendingDeliveries = maximumPending }
    let plane = SupervisedControlPlane(
      stores: SupervisedControlPlane.Stores(
        catalog: { () throws(Problem) in try CatalogDatabase(in: folder) },
        blobs: { () throws(Problem) in try BlobFolder(in: folder) },
        events: { () throws(Problem) in
          let log = try EventDatabase(in: folder)
          return EventStores(log: log, state: log.state)
        }),
      clock: clock, thread: { ThreadExecutor(name: "wm-plane", urgency: .realTimeIfPermitted) },
      logger: logger, configuration: configuration)
    self.plane = plane
    let slot = ResourceSlot<any ModuleEngine>("the engine")
    let node = ChildSpecification(.supervisor("node", AgentTree.plan), path: "node") { path in
      path == "node/engine"
        ? ResourceOwner(
          of: slot, open: { try WasmtimeEngine() },
          close: { engine in (engine as? WasmtimeEngine)?.stop() })
        : NodeAgentService(
          registration: { () throws(Problem) in try Self.registration() }, engine: slot,
          plane: plane.connection, http: { HTTPOut() }, clock: clock,
          thread: { ThreadExecutor(name: "wm-agent", urgency: .ordinary) }, logger: logger,
          configuration: NodeAgentLogic.Configuration(heartbeatInterval: .seconds(5)))
          as any SupervisedService
    }
    let main = SupervisorRunner(
      name: "main", SupervisorSpecification(children: plane.children + [node]),
      SupervisionEnvironment(clock: clock, logger: logger))
    self.main = main
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    running = Task {
      defer { start.finish() }
      try await main.run { start.finish() }
    }
    for await () in started {}
    signer = try ModuleSigner(Curve25519.Signing.PrivateKey())
    _ = try await plane.trustKey(signer.publicKey.bytes, label: "bench", by: caller)
  }

  private static func registration() throws(Problem) -> NodeRegistration {
    do throws(InvalidValue) {
      return NodeRegistration(
        node: NodeID(unchecked: "local"),
        incarnation: Incarnation(UInt64(clamping: Sample.clock.now().wall.microseconds)),
        location: NodeLocation(zone: .default),
        capabilities: try NodeCapabilities(
          architectures: [.x86_64, .aarch64], memory: .gibibytes(64), cpuCores: 2))
    } catch {
      throw Problem(.internalFault, code: "bench", "\(error)")
    }
  }

  /// Deploys the module of a file as an application of its own.
  func deploy(_ name: String, _ path: String, _ configuration: DeploymentConfiguration) async throws
  {
    let module = ModuleName(unchecked: name)
    let reference = VersionReference(module: module, version: ModuleVersion(unchecked: "1"))
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    _ = try await plane.push(
      try signer.embeddingSignature(in: bytes), detachedSignature: nil, as: reference, by: caller)
    let manifest = ApplicationManifest(
      name: ApplicationName(unchecked: name),
      modules: [
        ApplicationManifest.Module(
          name: module, code: .registered(reference.version), configuration: configuration)
      ])
    _ = try await plane.deploy(
      manifest, versions: [module: reference.version], by: caller, progress: { _ in })
  }

  func stop() async {
    await plane.quiesce()
    await main.stop()
    // How it ended was asked for.
    _ = await running.result
    folder.release()
  }
}
