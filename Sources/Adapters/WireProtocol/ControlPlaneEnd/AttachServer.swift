public import ClusterModel
import EventLoops
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import HostPorts
public import Logging
import NIOPosix

/// Takes the attachments of agents over the network: the control plane's end of the wire.
///
/// One listener with mutual TLS; a stranger does not get past the handshake. What agents say goes to the
/// control plane as if they were in this process.
public struct AttachServer: Sendable {
  private let plane: any ControlPlaneConnection
  private let identity: any IdentitySource
  private let host: String
  private let port: Int
  private let admit: @Sendable ([UInt8]) async throws(Problem) -> NodeID
  private let callers: any AgentCallers
  private let heartbeats: (any HeartbeatReception)?
  private let patience: Duration
  private let inquiryPatience: Duration
  private let programVersion: String
  private let logger: Logger
  /// How many there may be; tests want fewer.
  var connections: ConnectionBounds

  /// - Parameters:
  ///   - host: an address of this machine.
  ///   - port: 0 for any that is free.
  ///   - admit: which node shows this certificate (DER), if it is let in; who signed it, and that it holds,
  ///     was checked.
  ///   - callers: looks at whoever calls an agent's own service.
  ///   - patience: how long an agent may take until it has shown who it is, and then until it has said hello.
  ///   - inquiryPatience: how long it may take to answer an inquiry.
  ///   - heartbeats: where those of agents arrive; `nil` when they ride on their streams.
  public init(
    plane: any ControlPlaneConnection, identity: any IdentitySource, host: String, port: Int,
    admit: @escaping @Sendable ([UInt8]) async throws(Problem) -> NodeID,
    callers: any AgentCallers, heartbeats: (any HeartbeatReception)?,
    patience: Duration = WireHandshake.patience,
    inquiryPatience: Duration = WireHandshake.inquiryPatience, programVersion: String,
    logger: Logger
  ) {
    self.patience = patience
    connections = .agents(patience: patience)
    self.inquiryPatience = inquiryPatience
    self.callers = callers
    self.heartbeats = heartbeats
    self.plane = plane
    self.identity = identity
    self.host = host
    self.port = port
    self.admit = admit
    self.programVersion = programVersion
    self.logger = logger
  }

  /// Serves until the task is cancelled; then every agent hears that its link is closed.
  ///
  /// - Parameter listening: called with the port, once.
  /// - Throws: ``Problem`` `listen_failed` and what the identity throws.
  public func run(listening: @escaping @Sendable (Int) -> Void) async throws {
    let reloader = IdentityReloader()
    let acceptor = Acceptor()
    let limit = ConnectionLimit(connections, at: "agents", logger)
    let transport = HTTP2ServerTransport.Posix(
      address: WireAddress.of(host, port),
      transportSecurity: try WireTLS.server(try await identity.identity(), reloader),
      config: .defaults { config in
        config.rpc.maxRequestPayloadSize = WireLimits.message.bytes
        config.connection.flushCoalescing = nil
        // Agents look more often than that whether the way is still there.
        config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(1)
        config.connection.keepalive.clientBehavior.allowWithoutCalls = true
        config.http2.targetWindowSize = 8 << 20
        config.http2.maxConcurrentStreams = WireLimits.streams
        config.channelDebuggingCallbacks.onBindTCPListener = { acceptor.hold($0) }
        config.channelDebuggingCallbacks.onAcceptTCPConnection = { limit.accept($0) }
      }, eventLoopGroup: EventLoops.wire.group)
    let service = AttachService(
      plane: plane, admit: admit, callers: callers, heartbeats: heartbeats, connections: limit,
      patience: patience, inquiryPatience: inquiryPatience, programVersion: programVersion,
      logger: logger)
    let server = GRPCServer(transport: transport, services: [service])
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await serveUntilCancelled(on: EventLoops.wire, farewell: WireLimits.closing) {
          try await server.serve()
        } close: {
          await acceptor.cease(on: EventLoops.wire.group)
          service.hangUp()
          server.beginGracefulShutdown()
        }
      }
      group.addTask { try await reloader.keepRenewed(from: identity, logger) }
      do {
        let bound = try await transport.listeningAddress
        listening(bound.ipv4?.port ?? bound.ipv6?.port ?? port)
      } catch {
        // What `serve` throws says more.
      }
      do {
        try await group.next()
      } catch is CancellationError {
        // Whoever runs it wants its end.
      } catch {
        throw Problem(
          .unavailable, code: "listen_failed", "agents cannot attach at \(host):\(port)",
          cause: "\(error)", next: "Choose another address with --agents.")
      }
      group.cancelAll()
    }
  }
}
