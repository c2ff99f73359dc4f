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

  /// What an item counts for beside its key and value.
  public static let overhead = 256

  private let capacity: Int
  private var table = CacheTable()
  private var hand = 0
  private var forgettings: UInt64 = 0
  /// Bytes of what is remembered.
  public private(set) var bytes = 0

  public init(capacity: ByteCount) { self.capacity = capacity.bytes }

  public var count: Int { table.count }

  /// - Parameter earliest: when its read began at the earliest.
  public mutating func look(
    _ key: CachedKey, readSince earliest: MonotonicInstant, at now: MonotonicInstant
  ) -> Look {
    guard let place = table.place(of: key) else { return .missed }
    guard table.items[place].readAt >= earliest, now < table.items[place].expiresAt else {
      remove(place)
      return .missed
    }
    return .found(table.wanted(at: place))
  }

  /// A read of a key begins.
  public func begin(at now: Instants) -> Ticket { Ticket(forgettings: forgettings, at: now) }

  /// Remembers what a read found.
  public mutating func put(_ key: CachedKey, _ entry: StateEntry?, _ ticket: Ticket) {
    guard ticket.forgettings == forgettings else { return }
    if let place = table.place(of: key) { remove(place) }
    let cost = Self.overhead + 2 * key.key.text.utf8.count + (entry?.value.count ?? 0)
    // One that takes a large part of the room would drive out all others.
    guard cost <= capacity / 4 else { return }
    while bytes + cost > capacity { removeOne() }
    table.insert(CacheItem(key, entry, readAt: ticket.at, cost: cost))
    bytes += cost
  }

  /// Somebody wrote a key.
  public mutating func forget(_ key: CachedKey) {
    forgettings += 1
    if let place = table.place(of: key) { remove(place) }
  }

  private mutating func remove(_ place: Int) {
    bytes -= Int(table.items[place].cost)
    table.remove(at: place)
  }

  /// - Precondition: something is remembered.
  private mutating func removeOne() {
    while true {
      hand = hand + 1 < table.items.count ? hand + 1 : 0
      guard table.items[hand].isTaken else { continue }
      guard table.items[hand].isWanted else { return remove(hand) }
      table.items[hand].isWanted = false
    }
  }
}
