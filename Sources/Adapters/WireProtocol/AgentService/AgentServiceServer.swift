import ClusterModel
import EventLoops
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import HostPorts
public import Logging
import NIOPosix

/// Serves what the agent of a node does for tools, over TLS with the node's certificate.
public struct AgentServiceServer: Sendable {
  private let service: any AgentService
  private let identity: any IdentitySource
  private let host: String
  private let port: Int
  private let logger: Logger

  /// - Parameters:
  ///   - identity: of the node; new connections are shown the newest certificate.
  ///   - host: an address of this machine.
  ///   - port: 0 for any that is free.
  public init(
    _ service: any AgentService, identity: any IdentitySource, host: String, port: Int,
    logger: Logger
  ) {
    self.service = service
    self.identity = identity
    self.host = host
    self.port = port
    self.logger = logger
  }

  /// Serves until the task is cancelled; then whoever waits hears that it is over.
  ///
  /// - Parameter listening: called with the port, once.
  /// - Throws: ``Problem`` `listen_failed` and what the identity throws.
  public func run(listening: @escaping @Sendable (Int) -> Void) async throws {
    let reloader = IdentityReloader()
    let connections = ConnectionLimit(.tools, at: "tools", logger)
    let acceptor = Acceptor()
    let loops = MultiThreadedEventLoopGroup.singleton
    let transport = HTTP2ServerTransport.Posix(
      address: WireAddress.of(host, port),
      transportSecurity: try WireTLS.openServer(try await identity.identity(), reloader),
      config: .defaults { config in
        config.rpc.maxRequestPayloadSize = AgentServiceLimits.request.bytes
        config.http2.maxConcurrentStreams = AgentServiceLimits.streams
        config.connection.flushCoalescing = nil
        config.connection.maxIdleTime = AgentServiceLimits.idle
        config.connection.keepalive.time = AgentServiceLimits.idle
        config.channelDebuggingCallbacks.onBindTCPListener = { acceptor.hold($0) }
        config.channelDebuggingCallbacks.onAcceptTCPConnection = { connections.accept($0) }
        config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { connections.noteStream($0) }
      }, eventLoopGroup: loops)
    let server = GRPCServer(
      transport: transport, services: [AgentServiceEndpoint(service: service)])
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await serveUntilCancelled(farewell: WireLimits.closing) {
          try await server.serve()
        } close: {
          await acceptor.cease(on: loops)
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
          .unavailable, code: "listen_failed", "tools cannot be served at \(host):\(port)",
          cause: "\(error)", next: "Choose another address with --serve.")
      }
      group.cancelAll()
    }
  }
}

/// What strangers can make an agent hold at the most.
enum AgentServiceLimits {
  /// Of one request: names and a version.
  static let request = ByteCount.kibibytes(64)
  /// Calls of one connection at a time.
  static let streams = 32
  /// Connections, those that have not called included.
  static let connections = 256
  /// Until the first call of a connection, with the handshake of TLS.
  static let handshake = WireHandshake.patience
  /// A connection without a call is closed after this.
  static let idle = Duration.seconds(300)
  /// Of a token in the metadata.
  static let token = 256
}
