public import ClusterModel

/// What a node remembers of some keys: what was read, and when. One of several, so that those who look at
/// different keys do not wait for each other.
///
/// What is remembered is served for as long as its bucket allows, less when it expires, and not when it was
/// forgotten meanwhile, because somebody wrote it. It is bounded by bytes: beyond them a hand goes round,
/// and what it comes to goes, unless it was asked for since the hand was there the last time.
public struct CacheShard: Sendable {
  /// What a look found.
  public enum Look: Hashable, Sendable {
    /// This was there when it was read; `nil` for nothing.
    case found(StateEntry?)
    case missed
  }

  /// That a read began: what it finds is remembered only if nothing was forgotten since.
  public struct Ticket: Hashable, Sendable {
    fileprivate let forgettings: UInt64
    fileprivate let at: Instants
  }

  private struct Item: Sendable {
    var bucket: BucketNumber
    var key: StateKey
    var hash: UInt64
    var entry: StateEntry?
    /// When its read began.
    var readAt: MonotonicInstant
    /// When its entry is gone, on the clock that never jumps.
    var expiresAt: MonotonicInstant?
    var cost: Int
    var isWanted = false
    /// Whether the slot is taken; what else stands in a free one means nothing.
    var isTaken = true

    static let free = Item(
      bucket: BucketNumber(0), key: StateKey(unchecked: ""), hash: 0, entry: nil,
      readAt: MonotonicInstant(nanoseconds: 0), expiresAt: nil, cost: 0, isTaken: false)
  }

  /// What an item counts for beside its key and value.
  public static let overhead = 256

  private let capacity: Int
  private var table = CacheTable()
  /// Looked at in place: to take one out copies all of it.
  private var slots: ContiguousArray<Item> = []
  private var freeSlots: [Int] = []
  private var hand = 0
  private var forgettings: UInt64 = 0
  /// Bytes of what is remembered.
  public private(set) var bytes = 0

  public init(capacity: ByteCount) { self.capacity = capacity.bytes }

  public var count: Int { slots.count - freeSlots.count }

  /// - Parameter earliest: when its read began at the earliest.
  public mutating func look(
    _ key: CachedKey, readSince earliest: MonotonicInstant, at now: MonotonicInstant
  ) -> Look {
    guard let slot = slot(of: key) else { return .missed }
    guard slots[slot].readAt >= earliest, slots[slot].expiresAt.map({ now < $0 }) ?? true else {
      remove(slot)
      return .missed
    }
    if !slots[slot].isWanted { slots[slot].isWanted = true }
    return .found(slots[slot].entry)
  }

  /// A read of a key begins.
  public func begin(at now: Instants) -> Ticket { Ticket(forgettings: forgettings, at: now) }

  /// Remembers what a read found.
  public mutating func put(_ key: CachedKey, _ entry: StateEntry?, _ ticket: Ticket) {
    guard ticket.forgettings == forgettings else { return }
    if let slot = slot(of: key) { remove(slot) }
    let cost = Self.overhead + 2 * key.key.text.utf8.count + (entry?.value.count ?? 0)
    // One that takes a large part of the room would drive out all others.
    guard cost <= capacity / 4 else { return }
    while bytes + cost > capacity { removeOne() }
    insert(
      Item(
        bucket: key.bucket, key: key.key, hash: key.hash, entry: entry, readAt: ticket.at.monotonic,
        expiresAt: entry?.expiresAt.map { ticket.at.monotonic + ($0 - ticket.at.wall) },
        cost: cost))
  }

  /// Somebody wrote a key.
  public mutating func forget(_ key: CachedKey) {
    forgettings += 1
    if let slot = slot(of: key) { remove(slot) }
  }

  @inline(__always)
  private func slot(of key: CachedKey) -> Int? {
    table.slot(of: key.hash) { slot in
      slots[slot].hash == key.hash && slots[slot].bucket == key.bucket && slots[slot].key == key.key
    }
  }

  private mutating func insert(_ item: Item) {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
      slots[slot] = item
    } else {
      slot = slots.count
      slots.append(item)
    }
    table.insert(slot, hash: item.hash)
    bytes += item.cost
  }

  private mutating func remove(_ slot: Int) {
    table.remove(slot, hash: slots[slot].hash)
    bytes -= slots[slot].cost
    slots[slot] = .free
    freeSlots.append(slot)
  }

  /// - Precondition: something is remembered.
  private mutating func removeOne() {
    while true {
      let slot = hand
      hand = hand + 1 < slots.count ? hand + 1 : 0
      guard slots[slot].isTaken else { continue }
      guard slots[slot].isWanted else { return remove(slot) }
      slots[slot].isWanted = false
    }
  }
}
