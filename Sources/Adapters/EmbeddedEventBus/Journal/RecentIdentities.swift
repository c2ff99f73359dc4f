import ClusterModel
import DequeModule

/// Who published what lately, so that a publish that is repeated is known again. Rows of the table
/// `publishes` say the same; see ``EventIdentities``.
struct RecentIdentities {
  private struct Publish {
    let number: Int64
    let offset: EventOffset
    let acceptedAt: WallInstant
  }

  let window: DeduplicationWindow
  /// How many publishes there were.
  private(set) var newest: Int64
  private var known: [PublishIdentity: Publish] = [:]
  /// Oldest first.
  private var order: Deque<(key: PublishIdentity, number: Int64)> = []

  init(_ window: DeduplicationWindow, newest: Int64) {
    self.window = window
    self.newest = newest
  }

  /// Where the same event was put before; `nil` when it was not, or too long ago.
  func offset(of identity: PublishIdentity, at now: WallInstant) -> EventOffset? {
    guard let publish = known[identity], publish.acceptedAt + window.duration > now else {
      return nil
    }
    return publish.offset
  }

  /// Remembers a publish, and forgets what is beyond the window.
  ///
  /// - Returns: its number.
  mutating func remember(
    _ identity: PublishIdentity, _ offset: EventOffset, at now: WallInstant
  ) -> Int64 {
    take(
      EventIdentities.Publish(
        number: newest + 1, offset: offset, acceptedAt: now, identity: identity))
    return newest
  }

  /// Takes in what the table says, in the order of the numbers.
  mutating func take(_ publish: EventIdentities.Publish) {
    newest = publish.number
    known[publish.identity] = Publish(
      number: publish.number, offset: publish.offset, acceptedAt: publish.acceptedAt)
    order.append((publish.identity, publish.number))
    while let oldest = order.first, oldest.number <= newest - Int64(window.count) {
      order.removeFirst()
      // It may have been published again since.
      if known[oldest.key]?.number == oldest.number { known[oldest.key] = nil }
    }
  }
}
