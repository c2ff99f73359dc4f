import ClusterModel
import HeapModule

/// Virtual time, and what will happen: the earliest first, what is due at the same time in the order in
/// which it was planned.
struct Timeline<Happening> {
  private struct Entry: Comparable {
    let at: Int64
    let order: UInt64
    let slot: Int
    static func < (left: Self, right: Self) -> Bool {
      (left.at, left.order) < (right.at, right.order)
    }
    static func == (left: Self, right: Self) -> Bool { left.order == right.order }
  }

  private var entries = Heap<Entry>()
  private var slots: [Happening?] = []
  private var free: [Int] = []
  private var planned: UInt64 = 0
  /// Nanoseconds since the beginning of the world.
  private(set) var now: Int64 = 0
  private(set) var happened = 0

  mutating func plan(_ happening: Happening, after wait: Duration) {
    plan(happening, at: now + max(0, wait.nanosecondCount))
  }

  mutating func plan(_ happening: Happening, at time: Int64) {
    planned += 1
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      slots[slot] = happening
    } else {
      slot = slots.count
      slots.append(happening)
    }
    entries.insert(Entry(at: max(time, now), order: planned, slot: slot))
  }

  /// The next thing to happen, if it is due by then. Time goes on to it, or to `end`.
  mutating func next(until end: Int64) -> Happening? {
    guard let entry = entries.min, entry.at <= end else {
      now = max(now, end)
      return nil
    }
    entries.removeMin()
    now = entry.at
    happened += 1
    free.append(entry.slot)
    defer { slots[entry.slot] = nil }
    return slots[entry.slot]
  }
}

/// The clocks of one simulated machine: they run a little fast or slow, and its civil time is a little
/// off.
struct SimulatedClock {
  /// How fast it runs; 1 is true time.
  let rate: Double
  let bootedAt: Int64
  let skew: Int64

  private static let origin: Int64 = 1_000_000_000
  /// 2026-01-01T00:00:00Z.
  private static let epoch: Int64 = 1_767_225_600_000_000

  func instants(at now: Int64) -> Instants {
    Instants(
      monotonic: MonotonicInstant(
        nanoseconds: Self.origin + Int64(Double(now - bootedAt) * rate)),
      wall: WallInstant(microseconds: Self.epoch + now / 1000 + skew))
  }

  /// When it will show a time; never before that.
  func time(of instant: MonotonicInstant) -> Int64 {
    let local = instant.nanoseconds - Self.origin
    var time = bootedAt + Int64((Double(local) / rate).rounded(.up))
    while instants(at: time).monotonic < instant { time += 1 }
    return time
  }
}
