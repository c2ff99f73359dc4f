import NIOCore
import NIOHTTP1
import NIOPosix

/// A server on loopback that answers by the path it is asked for.
final class Server: Sendable {
  private let channel: any Channel
  let port: Int

  init() async throws {
    channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { channel in
        channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
          try channel.pipeline.syncOperations.addHandler(Answering())
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = channel.localAddress?.port ?? 0
  }

  func stop() async throws { try await channel.close() }
}

private final class Answering: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private var head: HTTPRequestHead?
  private var body = ByteBuffer()

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body.clear()
    case .body(var part): body.writeBuffer(&part)
    case .end:
      guard let head else { return }
      answer(head, context)
    }
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    var headers = HTTPHeaders()
    var status = HTTPResponseStatus.ok
    var answer = ByteBuffer()
    switch head.uri {
    case "/silent": return
    case "/large": answer.writeRepeatingByte(0x61, count: 100_000)
    case "/moved":
      status = .found
      headers.add(name: "Location", value: "http://127.0.0.1:1/")
    case _:
      let host = head.headers.first(name: "host") ?? ""
      answer.writeString("\(head.method.rawValue) \(host) \(head.uri) ")
      answer.writeString(head.headers.first(name: "x-note") ?? "")
      answer.writeBuffer(&body)
    }
    headers.add(name: "Content-Length", value: "\(answer.readableBytes)")
    let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(answer))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }
}
