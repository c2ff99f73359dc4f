public import ClusterModel

/// Which bucket a key belongs to, as long as what is remembered of it holds: one that has to forget
/// everything goes on under another number.
public struct BucketNumber: Hashable, Sendable {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}

/// A key of a bucket, and its hash, which is taken once.
public struct CachedKey: Sendable {
  public let bucket: BucketNumber
  public let key: StateKey
  /// The highest bits choose a shard, the lower ones a place in it.
  public let hash: UInt64

  public init(_ bucket: BucketNumber, _ key: StateKey) {
    self.bucket = bucket
    self.key = key
    var hasher = Hasher()
    hasher.combine(bucket.value)
    hasher.combine(key.text)
    hash = UInt64(truncatingIfNeeded: hasher.finalize())
  }
}
