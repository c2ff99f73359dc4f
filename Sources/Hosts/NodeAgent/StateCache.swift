import ClusterModel
import HostPorts
import Metrics
import StateCaching
import Synchronization

/// What this node remembers of `cached` buckets, in shards with a lock each, and who follows what is written
/// in them.
///
///     get cached ──shard──> found
///        │ missed                              follower of the bucket
///        └──> read ──> shard <──forget── changes ──┘
///
/// How old a read may be holds whatever becomes of a follower; the follower only makes it newer.
final class StateCache: Sendable {
  private struct Followed: Hashable {
    let namespace: Namespace
    let bucket: BucketName
  }

  private struct Follower: Sendable {
    /// `nil` until it is known; for `strong` ones nothing is remembered.
    var consistency: Bucket.Consistency?
    /// When somebody last asked.
    var wantedAt: MonotonicInstant
    var task: Task<Void, Never>?
  }

  private final class Shard: Sendable {
    let content: Mutex<CacheShard>
    init(capacity: ByteCount) { content = Mutex(CacheShard(capacity: capacity)) }
  }

  private let state: any GuestState
  private let clock: any HostClock
  private let shards: [Shard]
  private let found = Counter(
    label: "wasmatrix_state_cache_reads_total", dimensions: [("outcome", "found")])
  private let missed = Counter(
    label: "wasmatrix_state_cache_reads_total", dimensions: [("outcome", "missed")])
  private let followers = Mutex<[Followed: Follower]>([:])

  /// Enough that a few workers seldom meet.
  private static let shardCount = 16
  /// What a small machine can spare for all shards together.
  static let defaultCapacity = ByteCount.mebibytes(64)
  /// Buckets that are followed at the same time; others are read as if they were strong.
  private static let mostFollowers = 1000
  /// A bucket that nobody asked for so long is not followed any more.
  private static let followerPatience = Duration.seconds(60)
  /// How long a follower waits for changes in one call, and so how late it sees that rules have changed.
  private static let watchPatience = Duration.seconds(10)
  /// Before a follower that failed begins anew.
  private static let retryInterval = Duration.seconds(1)

  init(
    _ state: any GuestState, clock: any HostClock, capacity: ByteCount = defaultCapacity
  ) {
    self.state = state
    self.clock = clock
    let share = ByteCount(bytes: capacity.bytes / Self.shardCount)
    shards = (0..<Self.shardCount).map { _ in Shard(capacity: share) }
  }

  /// The value of a key, as old as its bucket allows.
  func entry(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> StateEntry? {
    let now = clock.now()
    let followed = Followed(namespace: namespace, bucket: bucket)
    guard case .cached(let staleness) = consistency(of: followed, at: now.monotonic) else {
      return try await state.entry(key, in: bucket, of: namespace)
    }
    let place = CachedKey(namespace, bucket, key)
    let shard = shard(of: place)
    let (look, ticket) = shard.content.withLock { content in
      (content.look(place, atMost: staleness, at: now), content.begin(at: now.monotonic))
    }
    if case .found(let entry) = look {
      found.increment()
      return entry
    }
    missed.increment()
    let entry = try await state.entry(key, in: bucket, of: namespace)
    shard.content.withLock { $0.put(place, entry, ticket) }
    return entry
  }

  func forget(_ key: StateKey, in bucket: BucketName, of namespace: Namespace) {
    let place = CachedKey(namespace, bucket, key)
    shard(of: place).content.withLock { $0.forget(place) }
  }

  /// Follows nothing any more.
  func close() {
    for follower in followers.withLock({ Array($0.values) }) { follower.task?.cancel() }
  }

  /// Bytes of what is remembered.
  var bytes: Int { shards.reduce(0) { sum, shard in sum + shard.content.withLock { $0.bytes } } }

  private func shard(of key: CachedKey) -> Shard {
    shards[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shardCount))]
  }

  // Following.

  /// `strong` while it is not known better.
  private func consistency(of followed: Followed, at now: MonotonicInstant) -> Bucket.Consistency {
    followers.withLock { followers in
      if followers[followed] != nil {
        followers[followed]?.wantedAt = now
        return followers[followed]?.consistency ?? .strong
      }
      guard followers.count < Self.mostFollowers else { return .strong }
      followers[followed] = Follower(wantedAt: now, task: Task { await follow(followed) })
      return .strong
    }
  }

  private func follow(_ followed: Followed) async {
    while !Task.isCancelled, isWanted(followed) {
      do throws(Problem) {
        try await watch(followed)
      } catch {
        lose(followed)
        // Cancelled when the node ends.
        try? await Task.sleep(for: Self.retryInterval)
      }
    }
    lose(followed)
    followers.withLock { $0[followed] = nil }
  }

  /// What was written since the revision that the first look found is forgotten.
  private func watch(_ followed: Followed) async throws(Problem) {
    let position = try await state.position(of: followed.bucket, of: followed.namespace)
    guard case .cached = position.bucket.consistency else {
      learn(followed, position.bucket.consistency)
      // Nothing to follow. It is looked at again, for it may be another bucket of the same name by then.
      try? await Task.sleep(for: Self.watchPatience)
      return
    }
    // What was read before this revision was known may be older than it.
    lose(followed)
    learn(followed, position.bucket.consistency)
    var revision = position.revision
    while !Task.isCancelled, isWanted(followed) {
      let changes = try await state.changes(
        in: followed.bucket, of: followed.namespace, prefix: "", after: revision,
        patience: Self.watchPatience)
      for change in changes {
        forget(change.key, in: followed.bucket, of: followed.namespace)
        revision = max(revision, change.revision)
      }
      guard changes.isEmpty else { continue }
      let now = try await state.position(of: followed.bucket, of: followed.namespace)
      learn(followed, now.bucket.consistency)
    }
  }

  private func learn(_ followed: Followed, _ consistency: Bucket.Consistency) {
    followers.withLock { $0[followed]?.consistency = consistency }
  }

  /// What is remembered of a bucket may be old, and its rules others.
  private func lose(_ followed: Followed) {
    followers.withLock { $0[followed]?.consistency = nil }
    for shard in shards {
      shard.content.withLock { $0.forgetAll(in: followed.bucket, of: followed.namespace) }
    }
  }

  private func isWanted(_ followed: Followed) -> Bool {
    let now = clock.now().monotonic
    return followers.withLock { followers in
      followers[followed].map { now - $0.wantedAt < Self.followerPatience } ?? false
    }
  }
}
