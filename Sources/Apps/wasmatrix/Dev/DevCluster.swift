import ClusterModel
import ControlPlane
import DurableSQLite
import EmbeddedEventBus
import HostPorts
import LocalSystem
import Logging
import NodeAgent
import SQLiteStore
import WasmtimeEngine

/// A control plane and a node agent in this process, with their engine and stores.
struct DevCluster: Sendable {
  let plane: ControlPlane
  private let agent: NodeAgent
  private let engine: WasmtimeEngine
  /// Holds the lock of the folder for as long as the cluster lives.
  private let folder: DataFolder

  /// Opens the data folder and starts everything on it.
  ///
  /// - Throws: ``Problem``: the folder is in use, the engine cannot start, a store is broken.
  static func start(in folder: DataFolder) async throws(Problem) -> DevCluster {
    let clock = SystemClock()
    let engine = try WasmtimeEngine(cacheFolder: folder.path + "/cache")
    do throws(Problem) {
      let plane = try await ControlPlane.start(
        ControlPlane.Parts(
          catalog: try CatalogDatabase(in: folder), blobs: try BlobFolder(in: folder),
          events: try EventDatabase(in: folder), clock: clock,
          random: SystemRandomNumberGenerator(), logger: Logger(label: "control-plane"),
          configuration: LocalNode.planeConfiguration))
      let agent = NodeAgent(
        try LocalNode.registration(startedAt: clock.now().wall), engine: engine,
        plane: plane.connection, clock: clock, logger: Logger(label: "node-agent"),
        configuration: LocalNode.agentConfiguration)
      await agent.start()
      return DevCluster(plane: plane, agent: agent, engine: engine, folder: folder)
    } catch {
      engine.stop()
      throw error
    }
  }

  /// Lets what runs come to its end for a while, closes the stores, and ends the engine.
  func stop() async {
    await plane.stop()
    await agent.stop()
    engine.stop()
  }
}
