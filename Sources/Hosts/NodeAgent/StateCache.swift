public import ClusterModel
public import HostPorts
import Metrics
import StateCaching
import Synchronization

/// What this node remembers of `cached` buckets, in shards with a lock each, and who follows what is written
/// in them.
///
///     get cached ──bucket──shard──> found
///        │ missed                              follower of the bucket
///        └──> read ──> shard <──forget── changes ──┘
///
/// How old a read may be holds whatever becomes of a follower; the follower only makes it newer.
public final class StateCache: Sendable {
  fileprivate struct Followed: Hashable {
    let namespace: Namespace
    let bucket: BucketName
  }

  private final class Shard: Sendable {
    let content: Mutex<CacheShard>
    init(capacity: ByteCount) { content = Mutex(CacheShard(capacity: capacity)) }
  }

  private struct Follower: Sendable {
    let bucket: CachedBucket
    let task: Task<Void, Never>
  }

  fileprivate let state: any GuestState
  fileprivate let clock: any HostClock
  private let shards: [Shard]
  private let found = Counter(
    label: "wasmatrix_state_cache_reads_total", dimensions: [("outcome", "found")])
  private let missed = Counter(
    label: "wasmatrix_state_cache_reads_total", dimensions: [("outcome", "missed")])
  private let followers = Mutex<[Followed: Follower]>([:])
  private let lastNumber = Atomic<UInt32>(0)

  /// Enough that a few workers seldom meet. A power of two: the highest bits of a hash choose.
  private static let shardBits = 4
  /// What a small machine can spare for all shards together.
  public static let defaultCapacity = ByteCount.mebibytes(64)
  /// Buckets that are followed at the same time; others are read as if they were strong.
  private static let mostFollowers = 1000
  /// A bucket that nobody asked for so long is not followed any more.
  private static let followerPatience = Duration.seconds(60)
  /// How long a follower waits for changes in one call, and so how late it sees that rules have changed.
  private static let watchPatience = Duration.seconds(10)
  /// Before a follower that failed begins anew.
  private static let retryInterval = Duration.seconds(1)

  public init(
    _ state: any GuestState, clock: any HostClock, capacity: ByteCount = defaultCapacity
  ) {
    self.state = state
    self.clock = clock
    let share = ByteCount(bytes: capacity.bytes >> Self.shardBits)
    shards = (0..<(1 << Self.shardBits)).map { _ in Shard(capacity: share) }
  }

  /// A bucket as this node remembers it, followed from now on; `nil` when too many are.
  public func bucket(_ name: BucketName, of namespace: Namespace) -> CachedBucket? {
    let followed = Followed(namespace: namespace, bucket: name)
    return followers.withLock { followers in
      if let follower = followers[followed] { return follower.bucket }
      guard followers.count < Self.mostFollowers else { return nil }
      let bucket = CachedBucket(followed, number: nextNumber(), in: self)
      followers[followed] = Follower(bucket: bucket, task: Task { await follow(bucket) })
      return bucket
    }
  }

  /// The value of a key, as old as its bucket allows.
  func entry(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> StateEntry? {
    guard let bucket = self.bucket(bucket, of: namespace) else {
      return try await state.entry(key, in: bucket, of: namespace)
    }
    return try await bucket.entry(key)
  }

  func forget(_ key: StateKey, in bucket: BucketName, of namespace: Namespace) {
    let followed = Followed(namespace: namespace, bucket: bucket)
    followers.withLock { $0[followed] }?.bucket.forget(key)
  }

  /// Follows nothing any more.
  public func close() {
    for follower in followers.withLock({ Array($0.values) }) { follower.task.cancel() }
  }

  /// Bytes of what is remembered.
  var bytes: Int { shards.reduce(0) { sum, shard in sum + shard.content.withLock { $0.bytes } } }

  /// What was read since `earliest`, or what a read has to show for itself to be remembered.
  fileprivate func look(
    _ key: CachedKey, readSince earliest: MonotonicInstant, at now: MonotonicInstant
  ) -> CacheShard.Look {
    let look = shard(of: key).content.withLock { $0.look(key, readSince: earliest, at: now) }
    switch look {
    case .found: found.increment()
    case .missed: missed.increment()
    }
    return look
  }

  fileprivate func begin(_ key: CachedKey) -> CacheShard.Ticket {
    let now = clock.now()
    return shard(of: key).content.withLock { $0.begin(at: now) }
  }

  fileprivate func put(_ key: CachedKey, _ entry: StateEntry?, _ ticket: CacheShard.Ticket) {
    shard(of: key).content.withLock { $0.put(key, entry, ticket) }
  }

  fileprivate func forget(_ key: CachedKey) {
    shard(of: key).content.withLock { $0.forget(key) }
  }

  fileprivate func nextNumber() -> BucketNumber {
    BucketNumber(lastNumber.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  @inline(__always)
  private func shard(of key: CachedKey) -> Shard {
    shards[Int(truncatingIfNeeded: key.hash >> (64 - UInt64(Self.shardBits)))]
  }

  // Following.

  private func follow(_ bucket: CachedBucket) async {
    while !Task.isCancelled, isWanted(bucket) {
      do throws(Problem) {
        try await watch(bucket)
      } catch {
        // While the control plane is away, what was read lately is still as new as its bucket allows.
        if !error.isControlPlaneAway { bucket.lose() }
        // Cancelled when the node ends.
        try? await Task.sleep(for: Self.retryInterval)
      }
    }
    followers.withLock { $0[bucket.followed] = nil }
    bucket.lose()
  }

  /// What was written since the revision that the first look found is forgotten.
  private func watch(_ bucket: CachedBucket) async throws(Problem) {
    let (name, namespace) = (bucket.followed.bucket, bucket.followed.namespace)
    let position = try await state.position(of: name, of: namespace)
    guard case .cached = position.bucket.consistency else {
      bucket.learn(position.bucket.consistency)
      // Nothing to follow. It is looked at again, for it may be another bucket of the same name by then.
      try? await Task.sleep(for: Self.watchPatience)
      return
    }
    // What was read before this revision was known may be older than it.
    bucket.lose()
    bucket.learn(position.bucket.consistency)
    var revision = position.revision
    while !Task.isCancelled, isWanted(bucket) {
      let changes = try await state.changes(
        in: name, of: namespace, prefix: "", after: revision, patience: Self.watchPatience)
      for change in changes {
        bucket.forget(change.key)
        revision = max(revision, change.revision)
      }
      guard changes.isEmpty else { continue }
      let now = try await state.position(of: name, of: namespace)
      bucket.learn(now.bucket.consistency)
    }
  }

  private func isWanted(_ bucket: CachedBucket) -> Bool {
    clock.monotonic - bucket.lastWanted < Self.followerPatience
  }
}

/// A bucket as a node remembers it.
public final class CachedBucket: Sendable {
  fileprivate let followed: StateCache.Followed
  private let cache: StateCache
  /// How old a read may be, in nanoseconds; 0 while it is not known, and for `strong` ones.
  private let staleness = Atomic<Int64>(0)
  private let number: Atomic<UInt32>
  /// When somebody last asked, in nanoseconds.
  private let wantedAt: Atomic<Int64>

  fileprivate init(_ followed: StateCache.Followed, number: BucketNumber, in cache: StateCache) {
    self.followed = followed
    self.cache = cache
    self.number = Atomic(number.value)
    wantedAt = Atomic(cache.clock.monotonic.nanoseconds)
  }

  /// The value of a key, as old as the bucket allows.
  public func entry(_ key: StateKey) async throws(Problem) -> StateEntry? {
    let now = cache.clock.monotonic
    wantedAt.store(now.nanoseconds, ordering: .relaxed)
    let staleness = staleness.load(ordering: .acquiring)
    guard staleness > 0 else {
      return try await cache.state.entry(key, in: followed.bucket, of: followed.namespace)
    }
    let place = place(of: key)
    let earliest = MonotonicInstant(nanoseconds: now.nanoseconds - staleness)
    if case .found(let entry) = cache.look(place, readSince: earliest, at: now) { return entry }
    let ticket = cache.begin(place)
    let entry = try await cache.state.entry(key, in: followed.bucket, of: followed.namespace)
    cache.put(place, entry, ticket)
    return entry
  }

  /// Somebody wrote a key, or wants it read anew.
  public func forget(_ key: StateKey) { cache.forget(place(of: key)) }

  fileprivate var lastWanted: MonotonicInstant {
    MonotonicInstant(nanoseconds: wantedAt.load(ordering: .relaxed))
  }

  fileprivate func learn(_ consistency: Bucket.Consistency) {
    switch consistency {
    case .strong: staleness.store(0, ordering: .releasing)
    case .cached(let duration):
      staleness.store(max(duration.nanoseconds, 1), ordering: .releasing)
    }
  }

  /// What is remembered may be old, and the rules others: it goes on under another number, and nobody finds
  /// what was remembered before.
  fileprivate func lose() {
    staleness.store(0, ordering: .releasing)
    number.store(cache.nextNumber().value, ordering: .releasing)
  }

  @inline(__always)
  private func place(of key: StateKey) -> CachedKey {
    CachedKey(BucketNumber(number.load(ordering: .acquiring)), key)
  }
}
