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
  /// How long requests that are under way at a graceful shutdown may still take.
  static let shutdownPatience = Duration.seconds(10)
  /// How long they may when the server's task is cancelled.
  static let farewell = Duration.seconds(2)

  private let host: String
  private let port: Int
  private let identity: (any IdentitySource)?
  private let responder: APIResponder
  private let logger: Logger
  private let phase = Mutex(Phase.new([]))

  private enum Phase {
    case new([CheckedContinuation<Int?, Never>])
    case running(ServiceGroup, [CheckedContinuation<Int?, Never>])
    case listening(ServiceGroup, port: Int)
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

  /// Serves until ``shutdown()``, or until its task is cancelled or gracefully shut down; when it is cancelled, for
  /// ``farewell`` at most after that.
  ///
  /// - Throws: ``Problem`` with `listen_failed` when the port cannot be had.
  public func run() async throws {
    let group: ServiceGroup
    do {
      group = ServiceGroup(configuration: try await groupConfiguration())
    } catch {
      end()
      throw error
    }
    let first = phase.withLock { phase in
      guard case .new(let waiting) = phase else { return false }
      phase = .running(group, waiting)
      return true
    }
    // Ended before it began: nothing to serve.
    guard first else { return }
    defer { end() }
    do {
      try await serveUntilCancelled(on: EventLoops.api, farewell: Self.farewell) {
        try await group.run()
      } close: {
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
        case .new(let waiting):
          phase = .new(waiting + [continuation])
          return nil
        case .running(let group, let waiting):
          phase = .running(group, waiting + [continuation])
          return nil
        case .listening(_, let port): return .some(port)
        case .ended: return .some(nil)
        }
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  /// Takes no more requests, and lets ``run()`` return when those under way are answered, or after
  /// ``shutdownPatience``.
  public func shutdown() async {
    let group: ServiceGroup? = phase.withLock { phase in
      switch phase {
      case .new(let waiting):
        phase = .ended
        for continuation in waiting { continuation.resume(returning: nil) }
        return nil
      case .running(let group, _), .listening(let group, _): return group
      case .ended: return nil
      }
    }
    await group?.triggerGracefulShutdown()
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
          ConnectionLimits.connections(), logger: serverLogger)),
      onServerRunning: { [weak self] channel in
        self?.listens(on: channel.localAddress?.port ?? 0)
      },
      eventLoopGroupProvider: .shared(EventLoops.api.group),
      logger: serverLogger)
    var configuration = ServiceGroupConfiguration(services: [application], logger: serverLogger)
    configuration.maximumGracefulShutdownDuration = Self.shutdownPatience
    return configuration
  }

  private func listens(on port: Int) {
    phase.withLock { phase in
      guard case .running(let group, let waiting) = phase else { return }
      phase = .listening(group, port: port)
      for continuation in waiting { continuation.resume(returning: port) }
    }
  }

  private func end() {
    phase.withLock { phase in
      if case .running(_, let waiting) = phase {
        for continuation in waiting { continuation.resume(returning: nil) }
      }
      phase = .ended
    }
  }
}
