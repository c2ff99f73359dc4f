import ClusterModel
import DequeModule

/// Events that were just accepted, so that running their handlers reads nothing from the disk. What
/// is not here is in the log.
struct RecentEvents {
  /// Enough for what is under way, little beside what runs.
  private static let maximumBytes = 64 << 20

  private var events: [EventOffset: Event] = [:]
  private var order: Deque<EventOffset> = []
  private var bytes = 0

  mutating func keep(_ event: Event, at offset: EventOffset) {
    guard events.updateValue(event, forKey: offset) == nil else { return }
    order.append(offset)
    bytes += event.footprint.bytes
    while bytes > Self.maximumBytes, let oldest = order.popFirst() {
      bytes -= events.removeValue(forKey: oldest)?.footprint.bytes ?? 0
    }
  }

  func event(at offset: EventOffset) -> Event? { events[offset] }
}
