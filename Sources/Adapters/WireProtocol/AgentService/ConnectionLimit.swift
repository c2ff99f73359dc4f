import ClusterModel
import NIOCore
import Synchronization

/// Bounds how many connections there are, and how long one may take until its first call.
final class ConnectionLimit: Sendable {
  private let most: Int
  private let patience: Duration
  /// Whether each connection that is open has had a call.
  private let open = Mutex<[ObjectIdentifier: Bool]>([:])

  init(
    most: Int = AgentServiceLimits.connections, patience: Duration = AgentServiceLimits.handshake
  ) {
    self.most = most
    self.patience = patience
  }

  func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
    let id = ObjectIdentifier(channel)
    let isIn = open.withLock { open in
      guard open.count < most else { return false }
      open[id] = false
      return true
    }
    // What waits meanwhile is refused, rather than those that are served.
    guard isIn else { return channel.close() }
    let impatience = channel.eventLoop.scheduleTask(
      in: .nanoseconds(patience.nanoseconds)
    ) { [weak self] in
      if self?.open.withLock({ $0[id] }) == false { channel.close(promise: nil) }
    }
    channel.closeFuture.whenComplete { [weak self] _ in
      impatience.cancel()
      self?.open.withLock { _ = $0.removeValue(forKey: id) }
    }
    return channel.eventLoop.makeSucceededVoidFuture()
  }

  func noteStream(_ stream: any Channel) -> EventLoopFuture<Void> {
    if let id = stream.parent.map({ ObjectIdentifier($0) }) {
      open.withLock { open in
        if open[id] != nil { open[id] = true }
      }
    }
    return stream.eventLoop.makeSucceededVoidFuture()
  }
}
