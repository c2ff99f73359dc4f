import ClusterModel
import DequeModule
import Synchronization

/// What is in the journal and perhaps not in the tables yet, and from where on the journal is needed.
final class Backlog: Sendable {
  struct Frame: Sendable {
    let number: UInt64
    let entries: [LogEntry]
    let bytes: Int
    /// Of its events, lowest and highest; `nil` when it has none.
    private let offsets: ClosedRange<EventOffset>?

    init(number: UInt64, entries: [LogEntry], bytes: Int) {
      self.number = number
      self.entries = entries
      self.bytes = bytes
      let first = entries.first { !$0.events.isEmpty }?.events.first
      let last = entries.last { !$0.events.isEmpty }?.events.last
      offsets = if let first, let last { first.offset...last.offset } else { nil }
    }

    func event(at offset: EventOffset) -> NumberedEvent? {
      guard let offsets, offsets.contains(offset) else { return nil }
      for entry in entries {
        for event in entry.events where event.offset == offset { return event }
      }
      return nil
    }
  }

  private struct State {
    var frames: Deque<Frame> = []
    var entries = 0
    var bytes = 0
    var isFollowing = false
    /// Up to here the tables are on the disk.
    var durable: UInt64 = 0
  }

  private let state = Mutex(State())

  /// So many entries are put into the tables together: few enough that whoever asks for one of them waits
  /// for some milliseconds at most.
  private static let due = 1024
  /// Beyond these no more is taken in until the tables follow.
  private static let most = 16_384
  private static let mostBytes = 32 << 20

  var isEmpty: Bool { state.withLock { $0.frames.isEmpty } }
  var isFull: Bool {
    state.withLock { $0.entries >= Self.most || $0.bytes >= Self.mostBytes }
  }

  /// Whether the tables have all up to a number, and will have it after a power cut.
  func isDurable(through number: UInt64) -> Bool { state.withLock { $0.durable >= number } }

  /// - Returns: whether enough is there for the tables to follow, and nobody sees to that yet; who asked does
  ///   from now on, until ``endFollowing()``.
  func beginFollowing() -> Bool {
    state.withLock { state in
      guard state.entries >= Self.due, !state.isFollowing else { return false }
      state.isFollowing = true
      return true
    }
  }

  func endFollowing() { state.withLock { $0.isFollowing = false } }

  func add(_ frame: Frame) {
    state.withLock { state in
      state.frames.append(frame)
      state.entries += frame.entries.count
      state.bytes += frame.bytes
    }
  }

  /// Those with a number above one, oldest first.
  func frames(after number: UInt64) -> [Frame] {
    state.withLock { $0.frames.filter { $0.number > number } }
  }

  /// An event that is not in the tables yet.
  func event(at offset: EventOffset) -> StoredEvent? {
    let frames = state.withLock { $0.frames }
    // Whoever asks wants one that has just come.
    for frame in frames.reversed() {
      if let event = frame.event(at: offset) { return event.event }
    }
    return nil
  }

  /// The tables have them, up to a number.
  ///
  /// - Parameter isSynced: and will have them after a power cut.
  func forget(through number: UInt64, isSynced: Bool) {
    state.withLock { state in
      if isSynced { state.durable = max(state.durable, number) }
      while let frame = state.frames.first, frame.number <= number {
        state.frames.removeFirst()
        state.entries -= frame.entries.count
        state.bytes -= frame.bytes
      }
    }
  }
}
