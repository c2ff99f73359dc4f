import ClusterModel
import DequeModule
import Synchronization

/// What the control plane has said and the agent has not read yet.
final class Mailbox: Sendable {
  private let letters = Mutex(Deque<ControlMessage>())

  /// What comes beyond that is lost, and said again.
  static let most = 10_000

  /// Whether somebody has to come and read: nobody has been sent for what is there.
  func put(_ message: ControlMessage) -> Bool {
    letters.withLock { letters in
      guard letters.count < Self.most else { return false }
      letters.append(message)
      return letters.count == 1
    }
  }

  func takeAll() -> Deque<ControlMessage> {
    letters.withLock { letters in
      defer { letters = [] }
      return letters
    }
  }
}
