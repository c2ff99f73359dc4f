import Synchronization

/// What was said to an actor that runs on a thread of its own, and not read yet. Whoever says it waits for
/// nothing.
public final class Mailbox<Letter: Sendable>: Sendable {
  private let letters = Mutex<[Letter]>([])
  /// What comes beyond that is lost: senders say it again.
  public let capacity: Int

  public init(capacity: Int = 10_000) { self.capacity = capacity }

  /// Whether somebody has to come and read: nobody has been sent for what is there.
  public func put(_ letter: Letter) -> Bool {
    letters.withLock { letters in
      guard letters.count < capacity else { return false }
      letters.append(letter)
      return letters.count == 1
    }
  }

  /// In the order in which they came.
  public func takeAll() -> [Letter] {
    letters.withLock { letters in
      defer { letters = [] }
      return letters
    }
  }
}
