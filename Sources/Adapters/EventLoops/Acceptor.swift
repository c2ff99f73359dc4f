public import NIOCore
import Synchronization

/// The channel on which a server accepts connections. It can cease to before it is closed.
///
/// A connection that has been accepted is made ready on a thread of its own, and then handed to the server. When the
/// server's channel is closed in between, nobody takes it, and a precondition of the library fails.
public final class Acceptor: Sendable {
  private let channel = Mutex<(any Channel)?>(nil)

  public init() {}

  /// It is this one.
  @discardableResult
  public func hold(_ channel: any Channel) -> EventLoopFuture<Void> {
    self.channel.withLock { $0 = channel }
    return channel.eventLoop.makeSucceededVoidFuture()
  }

  /// Accepts nothing more, and returns when what was accepted has been handed over.
  ///
  /// - Parameter group: on whose threads connections are made ready.
  public func cease(on group: any EventLoopGroup) async {
    guard let channel = channel.withLock({ $0 }) else { return }
    try? await channel.setOption(.autoRead, value: false).get()
    // From the thread that accepts to that of the connection and back, and once more for what it does there.
    for _ in 0..<Self.rounds {
      for loop in group.makeIterator() { try? await loop.submit {}.get() }
      try? await channel.eventLoop.submit {}.get()
    }
  }

  private static let rounds = 3
}
