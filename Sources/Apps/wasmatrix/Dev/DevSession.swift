import ClusterModel
import ControlAPI
import ControlAPIClient
import ControlPlane
import DurableSQLite
import HostPorts
import Logging
import ModuleTrust
import Telemetry

/// What `dev` does from its URL to its end: serves the API, keeps an application like its files,
/// shows what its modules write.
///
///     signal ──> the group is cancelled: no more requests, no more reloads ──> the cluster stops
struct DevSession: Sendable {
  let cluster: DevCluster
  let signer: ModuleSigner
  let manifestPath: String?
  let listen: ListenAddress
  let registry: PrometheusRegistry

  private static let caller = Caller(principal: .system)

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: ``Problem``: the address cannot be listened on, or the server failed.
  func run(until signals: StopSignals) async throws {
    do {
      try await serve(until: signals)
    } catch {
      await cluster.stop()
      throw error
    }
    await cluster.stop()
  }

  private func serve(until signals: StopSignals) async throws {
    _ = try await cluster.plane.trustKey(
      signer.publicKey.bytes, label: DevelopmentKey.label, by: Self.caller)
    let server = try await ControlAPIServer.start(
      cluster: cluster.plane, host: listen.host, port: listen.port)
    let url = listen.url(port: server.port)
    StandardOutput.writeIfRead("WasmMatrix dev: \(url)\n")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      group.addTask { await signals.first() }
      if let manifestPath {
        let client = try APIClient(server: url)
        let follower = ModuleLogFollower(cluster: cluster.plane, caller: Self.caller)
        let reload = LiveReload(
          manifestPath: manifestPath, client: client, signer: signer, deployed: follower.follow)
        group.addTask { await follower.run() }
        group.addTask { 
          do { try await reload.run() } catch is CancellationError {}
          await client.shutdown() 
        }
      }
      // Whichever ends first, by a signal or by a failure, ends all.
      try await group.next()
      group.cancelAll()
      try await group.waitForAll()
    }
  }
}
