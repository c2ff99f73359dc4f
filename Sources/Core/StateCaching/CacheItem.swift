import ClusterModel

/// What is remembered of a key: as much as fits into about a line of the processor's cache, because to look at
/// another one is what a read takes.
struct CacheItem: Sendable {
  let bucket: BucketNumber
  /// The lower bits of the key's hash; those of them that choose a place, too.
  let tag: UInt32
  /// Bytes that it counts for.
  let cost: UInt32
  /// Whether somebody asked for it since the hand was here.
  var isWanted = false
  /// Whether there is one; what else stands in a free place means nothing.
  let isTaken: Bool
  private let hasExpiry: Bool
  private let key: String
  /// `nil` when there is no entry.
  private let value: [UInt8]?
  private let revision: StateRevision
  private let modifiedAt: WallInstant
  /// When its read began.
  let readAt: MonotonicInstant
  /// When its entry is gone, on the clock that never jumps.
  let expiresAt: MonotonicInstant
  /// The same on the other clock, as whoever reads it is told.
  private let wallExpiry: WallInstant

  private static let never = MonotonicInstant(nanoseconds: .max)

  static let free = CacheItem()

  private init() {
    (bucket, tag, cost, isTaken, hasExpiry) = (BucketNumber(0), 0, 0, false, false)
    (key, value, revision) = ("", nil, StateRevision(0))
    (readAt, expiresAt) = (MonotonicInstant(nanoseconds: 0), Self.never)
    modifiedAt = WallInstant(microseconds: 0)
    wallExpiry = modifiedAt
  }

  init(_ place: CachedKey, _ entry: StateEntry?, readAt: Instants, cost: Int) {
    bucket = place.bucket
    tag = UInt32(truncatingIfNeeded: place.hash)
    self.cost = UInt32(cost)
    isTaken = true
    key = place.key.text
    value = entry?.value
    revision = entry?.revision ?? StateRevision(0)
    modifiedAt = entry?.modifiedAt ?? WallInstant(microseconds: 0)
    self.readAt = readAt.monotonic
    hasExpiry = entry?.expiresAt != nil
    wallExpiry = entry?.expiresAt ?? WallInstant(microseconds: 0)
    expiresAt = entry?.expiresAt.map { readAt.monotonic + ($0 - readAt.wall) } ?? Self.never
  }

  /// The same bytes: texts that only look the same are two.
  @inline(__always)
  func isOf(_ other: CachedKey) -> Bool {
    guard tag == UInt32(truncatingIfNeeded: other.hash), bucket == other.bucket else {
      return false
    }
    let isSame = key.utf8.withContiguousStorageIfAvailable { mine in
      other.key.text.utf8.withContiguousStorageIfAvailable { mine.elementsEqual($0) }
    }
    return isSame.flatMap { $0 } ?? key.utf8.elementsEqual(other.key.text.utf8)
  }

  var entry: StateEntry? {
    guard let value else { return nil }
    return StateEntry(
      key: StateKey(unchecked: key), value: value, revision: revision, modifiedAt: modifiedAt,
      expiresAt: hasExpiry ? wallExpiry : nil)
  }
}
