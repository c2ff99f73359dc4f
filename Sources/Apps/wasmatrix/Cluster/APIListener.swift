import ClusterModel
import ControlAPI
import ControlPlane
import HostPorts
import Logging
import Supervision
import SupervisionRuntime
import Synchronization
import Telemetry

/// The HTTP API as a service: it owns the port. Once it had one it keeps to it, also when any was fine.
final class APIListener: Sendable {
  /// A server that serves.
  struct Serving: Sendable {
    let url: String
    /// Ends when the server has.
    fileprivate let running: Task<Void, any Error>
    fileprivate let watching: Task<Void, Never>
  }

  /// Where it serves.
  let slot = ResourceSlot<Serving>("the HTTP API")
  private let listen: ListenAddress
  private let isSecure: Bool
  private let server: @Sendable (_ port: Int) throws(Problem) -> ControlAPIServer
  private let port: Mutex<Int>

  /// The time-out of its supervisor: requests under way have two seconds, and connections are closed.
  private static let shutdown = Duration.seconds(10)

  init(
    on listen: ListenAddress, for service: any APIService,
    supervision: any SupervisionService, backups: any BackupService, access: APIAccess,
    registry: PrometheusRegistry
  ) {
    self.listen = listen
    isSecure = access.identity != nil
    server = { (port) throws(Problem) in
      try ControlAPIServer(
        service: service, supervision: supervision, backups: backups, access: access,
        host: listen.host, port: port, registry: registry, logger: Logger(label: "control-api"))
    }
    port = Mutex(listen.port)
  }

  /// The entrance of a node.
  ///
  /// - Parameter identity: `nil` on a loopback address without TLS.
  init(
    on listen: ListenAddress, entrance: any EntranceService, tokens: any TokenService,
    identity: (any IdentitySource)?, registry: PrometheusRegistry
  ) {
    self.listen = listen
    isSecure = identity != nil
    server = { (port) throws(Problem) in
      try ControlAPIServer(
        entrance: entrance, tokens: tokens, identity: identity, host: listen.host, port: port,
        registry: registry, logger: Logger(label: "entrance"))
    }
    port = Mutex(listen.port)
  }

  var owner: ResourceOwner<Serving> {
    ResourceOwner(of: slot, open: { try await self.open() }, close: { await $0.close() })
  }

  var child: ChildSpecification {
    ChildSpecification(
      "api",
      supervisor: SupervisorSpecification(children: [
        ChildSpecification("listener", shutdown: .within(Self.shutdown)) { self.owner }
      ]))
  }

  private func open() async throws -> Serving {
    let server = try self.server(port.withLock { $0 })
    // Answers do not wait for their turn behind plans, which tasks of another priority write.
    let running = Task(priority: .high) { try await server.run() }
    guard let port = await server.boundPort() else {
      try await running.value
      throw Problem(.unavailable, code: "listen_failed", "the server ended before it listened")
    }
    self.port.withLock { $0 = port }
    let watching = Task { [slot] in
      let result = await running.result
      slot.reportBroken(
        Problem(.unavailable, code: "listen_ended", "the server ended", cause: "\(result)"))
    }
    return Serving(
      url: listen.url(port: port, isSecure: isSecure), running: running, watching: watching)
  }
}

extension APIListener.Serving {
  fileprivate func close() async {
    running.cancel()
    await watching.value
  }
}
