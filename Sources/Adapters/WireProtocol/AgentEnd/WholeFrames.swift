import NIOCore
import NIOSSL

/// Hands on only whole frames of HTTP/2, not many at a time and in a buffer of their own.
///
/// What decodes them keeps all that has come since it last ended with a whole frame, and a buffer that has grown stays: a
/// plan for a thousand placements makes it as large as itself, and each later message copies all of it.
///
/// For the end that connects: what comes to it consists of frames from the first byte on.
final class WholeFrames: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// Of a frame before its content: 3 bytes of length, type, flags, and 4 of the stream.
  private static let header = 9
  /// Larger ones are not waited for; whoever decodes refuses them. Four times what HTTP/2 allows when nothing else
  /// was agreed upon.
  private static let largest = 64 << 10

  /// Handed on at once, when it is more than one frame.
  private static let atOnce = 32 << 10

  /// The beginning of a frame.
  private var rest = ByteBuffer()

  /// Adds one behind TLS.
  static func add(to channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let security = try pipeline.handler(type: NIOSSLClientHandler.self)
      try pipeline.addHandler(WholeFrames(), position: .after(security))
    }
  }

  /// How many of the readable bytes are whole frames that can be handed on at once.
  static func whole(in bytes: ByteBuffer) -> Int {
    var index = bytes.readerIndex
    while let high = bytes.getInteger(at: index, as: UInt8.self),
      let low = bytes.getInteger(at: index + 1, as: UInt16.self)
    {
      let length = Int(high) << 16 | Int(low)
      guard length <= largest else { return bytes.readableBytes }
      let next = index + header + length
      guard next <= bytes.writerIndex else { break }
      guard next - bytes.readerIndex <= atOnce || index == bytes.readerIndex else { break }
      index = next
    }
    return index - bytes.readerIndex
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    if rest.readableBytes > 0 {
      rest.writeBuffer(&bytes)
      bytes = rest
      rest = ByteBuffer()
    }
    while true {
      let count = Self.whole(in: bytes)
      guard count > 0, var whole = bytes.readSlice(length: count) else { break }
      var frames = context.channel.allocator.buffer(capacity: count)
      frames.writeBuffer(&whole)
      context.fireChannelRead(wrapInboundOut(frames))
    }
    guard bytes.readableBytes > 0 else { return }
    rest = context.channel.allocator.buffer(capacity: bytes.readableBytes)
    rest.writeBuffer(&bytes)
  }
}
