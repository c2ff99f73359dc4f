internal import Synchronization

/// How many bytes of request bodies are held at the same time, by all connections together.
final class ByteBudget: Sendable {
  /// Room for eight of the largest modules, or 32 of the largest events.
  static let total = 512 << 20

  private let limit: Int
  private let held = Atomic<Int>(0)

  init(_ limit: Int = total) { self.limit = limit }

  /// Takes `count` bytes; `false`, and nothing taken, when there are not so many left.
  func take(_ count: Int) -> Bool {
    let now = held.add(count, ordering: .relaxed).newValue
    if now <= limit { return true }
    give(count)
    return false
  }

  func give(_ count: Int) { held.subtract(count, ordering: .relaxed) }
}
