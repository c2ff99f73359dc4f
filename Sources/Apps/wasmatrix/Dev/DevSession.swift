import ClusterModel
import ControlAPI
import ControlAPIClient
import ControlPlane
import HostPorts
import Logging
import ModuleTrust
import Telemetry

/// What `dev` does from its URL to its end: serves the API, keeps an application like its files,
/// shows what its modules write.
///
///     signal ──> no more reloads ──> no more requests ──> events that run end, stores close
///            ──> invocations end ──> the engine ends
struct DevSession: Sendable {
  let cluster: DevCluster
  let signer: ModuleSigner
  let manifestPath: String?
  let listen: ListenAddress
  let registry: PrometheusRegistry

  private static let caller = Caller(principal: .system)

  private enum Ended { case server, attending }

  /// Returns when a signal asked for the end, and everything has stopped.
  ///
  /// - Throws: ``Problem``: the address cannot be listened on, or the server failed.
  func run(until signals: StopSignals) async throws {
    do {
      _ = try await cluster.plane.trustKey(
        signer.publicKey.bytes, label: DevelopmentKey.label, by: Self.caller)
      let server = try ControlAPIServer(
        service: cluster.plane, host: listen.host, port: listen.port, registry: registry,
        logger: Logger(label: "control-api"))
      try await serve(with: server, until: signals)
    } catch {
      await cluster.stop()
      throw error
    }
    await cluster.stop()
  }

  private func serve(with server: ControlAPIServer, until signals: StopSignals) async throws {
    try await withThrowingTaskGroup(of: Ended.self) { group in
      group.addTask {
        try await server.run()
        return .server
      }
      group.addTask {
        guard let port = await server.boundPort() else { return .attending }
        try await attend(listen.url(port: port), until: signals)
        return .attending
      }
      let ended = try await group.next()
      ProgressPrinter.note("stopping; a second Ctrl-C ends it at once")
      await server.shutdown()
      // Ends the answers that would go on for ever, such as logs that are followed; those to
      // invocations the server waits for, while the engine still runs.
      await cluster.plane.stop()
      if ended == .server { group.cancelAll() }
      try await group.waitForAll()
    }
  }

  /// Everything beside the server, until a signal comes.
  private func attend(_ url: String, until signals: StopSignals) async throws {
    StandardOutput.writeIfRead("WasmMatrix dev: \(url)\n")
    guard let manifestPath else { return await signals.first() }
    let client = try APIClient(server: url)
    let follower = ModuleLogFollower(cluster: cluster.plane, caller: Self.caller)
    let reload = LiveReload(
      manifestPath: manifestPath, client: client, signer: signer, deployed: follower.follow)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await follower.run() }
      group.addTask { await reload.run() }
      await signals.first()
      group.cancelAll()
    }
    await client.shutdown()
  }
}
