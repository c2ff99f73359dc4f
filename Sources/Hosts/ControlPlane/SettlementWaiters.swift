import ClusterModel

/// Those who wait for the deliveries of an event. Each gets a sign, and looks again.
struct SettlementWaiters {
  /// Waiting costs little, but not nothing.
  private static let maximum = 20_000

  private var waiting: [EventOffset: [UInt64: AsyncStream<Void>.Continuation]] = [:]
  private var count = 0
  private var last: UInt64 = 0

  /// - Throws: ``Problem`` `too_many_waiters`.
  mutating func add(
    _ offset: EventOffset
  ) throws(Problem) -> (id: UInt64, signs: AsyncStream<Void>, end: AsyncStream<Void>.Continuation) {
    guard count < Self.maximum else {
      throw Problem(
        .overloaded, code: "too_many_waiters", "too many callers wait for events to settle",
        next: "Ask again later, without waiting.")
    }
    let (signs, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    last += 1
    count += 1
    waiting[offset, default: [:]][last] = continuation
    return (last, signs, continuation)
  }

  mutating func remove(_ id: UInt64, _ offset: EventOffset) {
    guard waiting[offset]?.removeValue(forKey: id) != nil else { return }
    count -= 1
    if waiting[offset]?.isEmpty == true { waiting[offset] = nil }
  }

  func wake(_ offset: EventOffset) {
    for continuation in waiting[offset, default: [:]].values { continuation.yield() }
  }

  func wakeAll() {
    for continuation in waiting.values.flatMap(\.values) { continuation.finish() }
  }
}
