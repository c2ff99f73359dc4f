import Glibc
import NIOCore

/// Ends connections whose other machine is gone without a word: switched off, or in a network that has failed.
///
/// The kernel asks, and that of the other machine answers: an agent that is frozen keeps its connection, and goes on
/// with it when it thaws, however long that takes. The keepalive of gRPC asks the agent itself. To one that is frozen
/// it would say goodbye, and wait for the answer, so that it would never close what is gone for good. That a node does
/// not answer is noticed by its heartbeats, a hundred times as soon: this is about files.
enum VanishedPeers {
  /// Seconds without a word until the kernel asks, and between two questions.
  private static let silence = 10
  /// Milliseconds that what was sent, or asked, may stay without an answer; or what is to be sent without room for it
  /// over there. A frozen agent that has no room left loses its connection: it attaches anew when it thaws, and is
  /// adopted.
  private static let patience = 40_000

  static func watch(_ channel: any Channel) {
    guard let options = channel.syncOptions else { return }
    do {
      try options.setOption(.socketOption(.so_keepalive), value: 1)
      for (name, value) in [
        (TCP_KEEPIDLE, silence), (TCP_KEEPINTVL, silence), (TCP_USER_TIMEOUT, patience),
      ] {
        try options.setOption(.tcpOption(NIOBSDSocket.Option(rawValue: name)), value: value)
      }
    } catch {
      // It is closed already.
    }
  }
}
