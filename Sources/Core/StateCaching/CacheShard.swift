public import ClusterModel
import DequeModule

/// A key of a bucket, anywhere.
public struct CachedKey: Hashable, Sendable {
  public var namespace: Namespace
  public var bucket: BucketName
  public var key: StateKey

  public init(_ namespace: Namespace, _ bucket: BucketName, _ key: StateKey) {
    self.namespace = namespace
    self.bucket = bucket
    self.key = key
  }
}

/// What a node remembers of some keys: what was read, and when. One of several, so that those who look at
/// different keys do not wait for each other.
///
/// What is remembered is served for as long as its bucket allows, less when it expires, and not when it was
/// forgotten meanwhile, because somebody wrote it. It is bounded by bytes: beyond them what was put first
/// goes, unless it was asked for since, when it is looked at once more.
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
    fileprivate let at: MonotonicInstant
  }

  private struct Item: Sendable {
    var entry: StateEntry?
    /// When its read began.
    var readAt: MonotonicInstant
    var cost: Int
    /// Which of the line's places is its own.
    var number: UInt64
    var isWanted = false
  }

  /// What an item counts for beside its key and value.
  public static let overhead = 256

  private let capacity: Int
  private var items: [CachedKey: Item] = [:]
  /// The order in which items go. Places of items that are gone are passed over.
  private var line: Deque<(key: CachedKey, number: UInt64)> = []
  private var forgettings: UInt64 = 0
  private var last: UInt64 = 0
  /// Bytes of what is remembered.
  public private(set) var bytes = 0

  public init(capacity: ByteCount) { self.capacity = capacity.bytes }

  public var count: Int { items.count }

  /// - Parameter staleness: how old it may be.
  public mutating func look(
    _ key: CachedKey, atMost staleness: Duration, at now: Instants
  ) -> Look {
    guard let item = items[key] else { return .missed }
    let isExpired = item.entry?.expiresAt.map { $0 <= now.wall } ?? false
    guard now.monotonic - item.readAt <= staleness, !isExpired else {
      remove(key)
      return .missed
    }
    items[key]?.isWanted = true
    return .found(item.entry)
  }

  /// A read of a key begins.
  public func begin(at now: MonotonicInstant) -> Ticket {
    Ticket(forgettings: forgettings, at: now)
  }

  /// Remembers what a read found.
  public mutating func put(_ key: CachedKey, _ entry: StateEntry?, _ ticket: Ticket) {
    guard ticket.forgettings == forgettings else { return }
    remove(key)
    let cost =
      Self.overhead + key.bucket.text.utf8.count + 2 * key.key.text.utf8.count
      + (entry?.value.count ?? 0)
    // One that takes a large part of the room would drive out all others.
    guard cost <= capacity / 4 else { return }
    last += 1
    items[key] = Item(entry: entry, readAt: ticket.at, cost: cost, number: last)
    line.append((key, last))
    bytes += cost
    while bytes > capacity { removeOne() }
    if line.count > 2 * items.count + 64 { clearLine() }
  }

  /// Somebody wrote a key.
  public mutating func forget(_ key: CachedKey) {
    forgettings += 1
    remove(key)
  }

  /// What was written in a bucket is not known any more.
  public mutating func forgetAll(in bucket: BucketName, of namespace: Namespace) {
    forgettings += 1
    for key in items.keys where key.bucket == bucket && key.namespace == namespace { remove(key) }
  }

  private mutating func remove(_ key: CachedKey) {
    if let item = items.removeValue(forKey: key) { bytes -= item.cost }
  }

  private mutating func removeOne() {
    while let place = line.popFirst() {
      guard let item = items[place.key], item.number == place.number else { continue }
      guard item.isWanted else { return remove(place.key) }
      items[place.key]?.isWanted = false
      line.append(place)
    }
  }

  private mutating func clearLine() {
    line.removeAll { items[$0.key]?.number != $0.number }
  }
}
