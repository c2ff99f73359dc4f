public import ClusterModel

/// Keeps state outside of modules. Every method that changes something returns only when the change
/// would survive a power cut.
///
/// Every store gives atomic batches, compare-and-set, expiry and watches; the test
/// `StateStoreConformance` says what that means. (Replication of convergent buckets comes on top, as a
/// port of its own.)
public protocol StateStore: Sendable {
  /// Makes a bucket, or changes its limits. What is in it stays.
  ///
  /// - Throws: ``Problem`` `bucket_consistency`: it exists with another consistency.
  func declare(_ bucket: Bucket) async throws(Problem)
  /// All buckets of a namespace, by name, with what is in them.
  func buckets(in namespace: Namespace) async throws(Problem) -> [BucketStatus]
  /// Removes a bucket and all that is in it. `false` when there is none.
  func removeBucket(_ name: BucketName, in namespace: Namespace) async throws(Problem) -> Bool
  /// The newest value; `nil` when there is none or it has expired.
  func get(_ key: StateKey, in bucket: BucketName, of namespace: Namespace, at now: WallInstant)
    async throws(Problem) -> StateEntry?
  /// Entries whose keys begin with `prefix`, from the key after `after` on, in the order of keys.
  func list(
    _ bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int,
    at now: WallInstant
  ) async throws(Problem) -> [StateEntry]
  /// Carries out all writes, or none.
  ///
  /// - Returns: the revision of each, in order; of a deletion of nothing the newest there is.
  /// - Throws: ``Problem`` `state_conflict` when a condition does not hold, `bucket_unknown`,
  ///   `value_too_large`, `bucket_full`, `merge_impossible`.
  func write(_ writes: [StateWrite], in namespace: Namespace, at now: WallInstant)
    async throws(Problem) -> [StateRevision]
  /// What was written after `revision`, each key once with its newest state, oldest revision first;
  /// deletions included. With `nil` everything that is there, and deletions as far as they are
  /// remembered.
  ///
  /// - Throws: ``Problem`` `revision_too_old`: deletions since then are no longer remembered; begin anew
  ///   with `list`.
  func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after revision: StateRevision?,
    limit: Int
  ) async throws(Problem) -> [StateChange]
  /// A bucket's rules, and the newest revision there is in the store: whoever follows the bucket from there on
  /// misses nothing.
  ///
  /// - Throws: ``Problem`` `bucket_unknown`.
  func position(of bucket: BucketName, in namespace: Namespace) async throws(Problem)
    -> BucketPosition
  /// Makes deletions of what has expired, so that whoever watches hears of it.
  ///
  /// - Returns: how many; no more than `limit`.
  func sweep(at now: WallInstant, limit: Int) async throws(Problem) -> Int
  /// A sign whenever something may have been written in the bucket. Signs that nobody reads become one.
  func signs(of bucket: BucketName, in namespace: Namespace) -> AsyncStream<Void>
}

/// A bucket, and what is in it.
public struct BucketStatus: Hashable, Sendable {
  public var bucket: Bucket
  public var entries: Int
  public var size: ByteCount
  public init(bucket: Bucket, entries: Int, size: ByteCount) {
    self.bucket = bucket
    self.entries = entries
    self.size = size
  }
}

/// A bucket's rules at a revision of the store.
public struct BucketPosition: Hashable, Sendable {
  public var bucket: Bucket
  public var revision: StateRevision
  public init(bucket: Bucket, revision: StateRevision) {
    self.bucket = bucket
    self.revision = revision
  }
}

/// What became of a key.
public struct StateChange: Hashable, Sendable {
  public var key: StateKey
  public var revision: StateRevision
  public var at: WallInstant
  /// `nil` when it is gone.
  public var entry: StateEntry?
  public init(key: StateKey, revision: StateRevision, at: WallInstant, entry: StateEntry?) {
    self.key = key
    self.revision = revision
    self.at = at
    self.entry = entry
  }
}
