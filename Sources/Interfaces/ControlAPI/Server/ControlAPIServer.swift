public import ClusterModel
internal import EventLoops
public import HostPorts
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
public import Logging
internal import NIOCore
internal import NIOSSL
internal import ServiceLifecycle
internal import Synchronization
public import Telemetry

/// Serves the HTTP API of a cluster: plain on a loopback address, or over TLS with tokens anywhere.
///
/// The way of a request: ``ConnectionGuard`` (time-outs of the connection) -> ``APIResponder``
/// (which route, who asks, the body within its bounds) -> a handler of `Routes/` -> the
/// `ClusterService`; what it throws becomes `application/problem+json` in ``ProblemAnswer``.
public final class ControlAPIServer: Sendable {
  /// Connections that wait to be accepted: as many as may come at once.
  static let backlog = 8192
  /// How long requests that are under way when its task is cancelled may still take.
  static let farewell = Duration.seconds(2)

  private let host: String
  private let port: Int
  private let identity: (any IdentitySource)?
  private let responder: APIResponder
  private let logger: Logger
  private let acceptor = Acceptor()
  private let phase = Mutex(Phase.beginning([]))

  private enum Phase {
    case beginning([CheckedContinuation<Int?, Never>])
    case listening(port: Int)
    case ended
  }

  /// - Parameters:
  ///   - supervision: the tree that the server runs in.
  ///   - backups: makes copies of what the server keeps.
  ///   - access: whom it lets in, and what it shows of itself.
  ///   - host: without an identity an address of the loopback network: `127.0.0.1`, `::1`, `localhost`.
  ///   - port: 0 for any free one; ``boundPort()`` tells which.
  ///   - registry: where `/metrics` is read from, and where requests are counted.
  /// - Throws: ``Problem`` with `listen_beyond_loopback`.
  public convenience init(
    service: any APIService, supervision: any SupervisionService,
    backups: any BackupService, access: APIAccess, host: String, port: Int,
    registry: PrometheusRegistry, logger: Logger
  ) throws(Problem) {
    try self.init(
      tokens: access.service, identity: access.identity, host: host, port: port,
      registry: registry, logger: logger
    ) { guardian in
      APIRoutes.table(
        service: service, supervision: supervision, backups: backups, access: access.service,
        guardian: guardian, registry: registry)
    }
  }

  /// The entrance of a node, which runs modules and takes events; the rest is asked of the control plane.
  ///
  /// - Parameters:
  ///   - tokens: whom it lets in, when it has an identity.
  ///   - identity: with it the entrance speaks TLS and wants a token; without it, see `host`.
  ///   - host: without an identity an address of the loopback network.
  /// - Throws: ``Problem`` with `listen_beyond_loopback`.
  public convenience init(
    entrance: any EntranceService, tokens: any TokenService, identity: (any IdentitySource)?,
    host: String, port: Int, registry: PrometheusRegistry, logger: Logger
  ) throws(Problem) {
    try self.init(
      tokens: tokens, identity: identity, host: host, port: port, registry: registry,
      logger: logger
    ) { _ in APIRoutes.entrance(entrance, registry: registry) }
  }

  private init(
    tokens: any TokenService, identity: (any IdentitySource)?, host: String, port: Int,
    registry: PrometheusRegistry, logger: Logger, routes: (AccessGuard) -> RouteTable
  ) throws(Problem) {
    let loopback = identity == nil ? try LoopbackAddress(host) : nil
    self.host = loopback?.host ?? host
    self.identity = identity
    let guardian = AccessGuard(service: tokens, trustsEverybody: loopback != nil)
    self.port = port
    self.logger = logger
    responder = APIResponder(
      routes: routes(guardian), access: guardian, origins: OriginGuard(listening: loopback),
      metrics: RequestMetrics(registry: registry),
      logger: logger)
  }

  /// Serves until its task is cancelled, and for ``farewell`` at most after that. Called once.
  ///
  /// - Throws: ``Problem`` with `listen_failed` when the port cannot be had; what the identity throws;
  ///   `CancellationError` when requests took longer than that.
  public func run() async throws {
    defer { end() }
    let group = ServiceGroup(configuration: try await groupConfiguration())
    do {
      try await serveUntilCancelled(on: EventLoops.api, farewell: Self.farewell) {
        try await group.run()
      } close: {
        await self.acceptor.cease(on: EventLoops.api.group)
        await group.triggerGracefulShutdown()
      }
    } catch let error as IOError {
      throw Problem(
        .unavailable, code: "listen_failed", "cannot listen on \(host):\(port)",
        cause: "\(error)", next: "Choose another port with --listen.")
    }
  }

  /// The port it listens on, once it does; `nil` when it ended before that.
  public func boundPort() async -> Int? {
    await withCheckedContinuation { continuation in
      let known: Int?? = phase.withLock { phase in
        switch phase {
        case .beginning(let waiting):
          phase = .beginning(waiting + [continuation])
          return nil
        case .listening(let port): return .some(port)
        case .ended: return .some(nil)
        }
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  private func groupConfiguration() async throws -> ServiceGroupConfiguration {
    var serverLogger = logger
    // The server's own news are for those who look for them.
    if serverLogger.logLevel == .info { serverLogger.logLevel = .notice }
    let plain = HTTPServerBuilder.http1(
      configuration: .init(
        additionalChannelHandlers: [ConnectionGuard()],
        idleTimeout: .nanoseconds(ConnectionLimits.idle.nanoseconds),
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: ConnectionLimits.headerField,
          maxHeaderListSize: ConnectionLimits.headerList,
          maxHeaderFieldCount: ConnectionLimits.headerCount)))
    var tls: TLSConfiguration?
    if let identity { tls = try await ServerTLS.configuration(identity) }
    let application = Application(
      responder: responder,
      server: try tls.map { try .tls(plain, tlsConfiguration: $0) } ?? plain,
      configuration: ApplicationConfiguration(
        address: .hostname(host, port: port), backlog: Self.backlog,
        availableConnectionsDelegate: MaximumAvailableConnections(
          ConnectionShares.users(), logger: serverLogger)),
      onServerRunning: { [weak self] channel in
        self?.acceptor.hold(channel)
        self?.listens(on: channel.localAddress?.port ?? 0)
      },
      eventLoopGroupProvider: .shared(EventLoops.api.group),
      logger: serverLogger)
    return ServiceGroupConfiguration(services: [application], logger: serverLogger)
  }

  private func listens(on port: Int) {
    phase.withLock { phase in
      guard case .beginning(let waiting) = phase else { return }
      phase = .listening(port: port)
      for continuation in waiting { continuation.resume(returning: port) }
    }
  }

  private func end() {
    phase.withLock { phase in
      if case .beginning(let waiting) = phase {
        for continuation in waiting { continuation.resume(returning: nil) }
      }
      phase = .ended
    }
  }
}
