import NIOCore
import NIOPosix
import Synchronization

/// A port that stays the same before control planes that come and go: it hands on what is said on its connections.
final class TestGate: Sendable {
  private let ways: GateWays
  private let listener: any Channel

  /// - Parameters:
  ///   - port: where it leads.
  ///   - limit: of what is said there so many bytes are handed on for each connection, and the rest of what was read
  ///     with the last of them; what comes after that is lost, as in a network that is broken.
  init(to port: Int, limit: Int) async throws {
    let ways = GateWays(to: port, limit: limit)
    self.ways = ways
    listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { ways.join($0) }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var port: Int { listener.localAddress?.port ?? 0 }

  /// Breaks off all connections; new ones lead elsewhere.
  ///
  /// - Parameter port: `nil` for nowhere.
  func lead(to port: Int?) { ways.lead(to: port) }

  func close() async throws {
    ways.lead(to: nil)
    try await listener.close()
  }
}

private final class GateWays: Sendable {
  private struct State {
    var port: Int?
    var limit: Int
    var connections: [any Channel] = []
  }

  private let state: Mutex<State>

  init(to port: Int, limit: Int) { state = Mutex(State(port: port, limit: limit)) }

  func lead(to port: Int?) {
    let broken = state.withLock { state -> [any Channel] in
      state.port = port
      state.limit = .max
      defer { state.connections = [] }
      return state.connections
    }
    for channel in broken { channel.close(promise: nil) }
  }

  /// Connects who comes with where this leads; whoever comes while it leads nowhere is hung up on.
  func join(_ client: any Channel) -> EventLoopFuture<Void> {
    let (port, limit) = state.withLock { ($0.port, $0.limit) }
    guard let port else { return client.eventLoop.makeFailedFuture(ChannelError.eof) }
    return ClientBootstrap(group: client.eventLoop)
      .channelInitializer { server in
        // Both run on one thread.
        server.eventLoop.makeCompletedFuture {
          try server.pipeline.syncOperations.addHandler(HandingOn(to: client, limit: limit))
          try client.pipeline.syncOperations.addHandler(HandingOn(to: server, limit: .max))
        }
      }
      .connect(host: "127.0.0.1", port: port)
      .map { _ in self.state.withLock { $0.connections.append(client) } }
  }
}

/// Hands on what is read to another connection, and its end.
private final class HandingOn: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let other: any Channel
  private var rest: Int

  init(to other: any Channel, limit: Int) {
    self.other = other
    rest = limit
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard rest > 0 else { return }
    let bytes = unwrapInboundIn(data)
    rest -= bytes.readableBytes
    other.writeAndFlush(bytes, promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    other.close(promise: nil)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
