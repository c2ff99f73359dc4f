import ClusterModel
import NIOCore

/// How much a connection takes in at a time.
///
/// The buffers of TLS and of HTTP/2 stay as large as the most that ever came at once, and all of that is copied with
/// each read. A plan for a thousand placements at once would make every later message as expensive.
enum SmallReads {
  /// Two records of TLS: fewer system calls than records.
  static let atOnce = ByteCount.kibibytes(32)

  static func set(on channel: any Channel) -> EventLoopFuture<Void> {
    channel.setOption(.maxMessagesPerRead, value: 1).flatMap {
      channel.setOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: atOnce.bytes))
    }
  }
}
