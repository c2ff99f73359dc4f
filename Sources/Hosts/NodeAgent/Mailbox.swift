import ClusterModel
import DequeModule
import Synchronization

/// What the control plane has said and the agent has not read yet.
final class Mailbox: Sendable {
  private struct Letters {
    var all: Deque<ControlMessage> = []
    /// Whether somebody was sent for them.
    var isAwaited = false
  }

  private let letters = Mutex(Letters())

  /// What comes beyond that is lost, and said again.
  static let most = 10_000

  /// - Parameter canWait: until whoever reads comes anyway.
  /// - Returns: whether somebody has to be sent for: nobody has been for what is there.
  func put(_ message: ControlMessage, canWait: Bool) -> Bool {
    letters.withLock { letters in
      guard letters.all.count < Self.most else { return false }
      letters.all.append(message)
      guard !canWait, !letters.isAwaited else { return false }
      letters.isAwaited = true
      return true
    }
  }

  func takeAll() -> Deque<ControlMessage> {
    letters.withLock { letters in
      defer { letters = Letters() }
      return letters.all
    }
  }
}
