import NIOCore
import NIOPosix
import Synchronization

/// Connects again and again, several at once, until that is refused, as nobody listens there any more.
///
/// - Parameters:
///   - port: on the loopback address.
///   - connections: how many of them are made before the end.
///   - end: ends the listener.
public func hammer(_ port: Int, connections: Int, end: @Sendable () async -> Void) async {
  let connected = Counter()
  await withTaskGroup(of: Void.self) { group in
    for _ in 0..<4 {
      group.addTask {
        while let channel = try? await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
          .connect(host: "127.0.0.1", port: port).get()
        {
          connected.count.add(1, ordering: .relaxed)
          channel.close(promise: nil)
        }
      }
    }
    while connected.count.load(ordering: .relaxed) < connections { await Task.yield() }
    await end()
  }
}

private final class Counter: Sendable {
  let count = Atomic(0)
}
