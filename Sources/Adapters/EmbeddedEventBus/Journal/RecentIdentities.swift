import ClusterModel
import DequeModule
import Foundation

/// Who published what lately, so that a publish that is repeated is known again. Rows of the table
/// `identities` say the same; see ``EventIdentities``.
struct RecentIdentities {
  /// 128 bits of the digest of an identity: no two publishes share them.
  private struct Key: Hashable {
    let first: UInt64
    let second: UInt64

    init(_ identity: Data) {
      var words: (UInt64, UInt64) = (0, 0)
      withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: identity.prefix(16)) }
      (first, second) = words
    }
  }

  private struct Publish {
    let number: Int64
    let offset: EventOffset
    let acceptedAt: WallInstant
  }

  let window: DeduplicationWindow
  /// How many publishes there were.
  private(set) var newest: Int64
  private var known: [Key: Publish] = [:]
  /// Oldest first.
  private var order: Deque<(key: Key, number: Int64)> = []

  init(_ window: DeduplicationWindow, newest: Int64) {
    self.window = window
    self.newest = newest
  }

  /// Where the same event was put before; `nil` when it was not, or too long ago.
  func offset(of identity: Data, at now: WallInstant) -> EventOffset? {
    guard let publish = known[Key(identity)], publish.acceptedAt + window.duration > now else {
      return nil
    }
    return publish.offset
  }

  /// Remembers a publish, and forgets what is beyond the window.
  ///
  /// - Returns: its number.
  mutating func remember(
    _ identity: Data, _ offset: EventOffset, at now: WallInstant
  ) -> Int64 {
    take(identity, number: newest + 1, offset, at: now)
    return newest
  }

  /// Takes in what the table says, in the order of the numbers.
  mutating func take(
    _ identity: Data, number: Int64, _ offset: EventOffset, at acceptedAt: WallInstant
  ) {
    let key = Key(identity)
    newest = number
    known[key] = Publish(number: number, offset: offset, acceptedAt: acceptedAt)
    order.append((key, number))
    while let oldest = order.first, oldest.number <= newest - Int64(window.count) {
      order.removeFirst()
      // It may have been published again since.
      if known[oldest.key]?.number == oldest.number { known[oldest.key] = nil }
    }
  }
}
