public import ClusterModel

/// State outside of modules, as interfaces see it.
public protocol StateService: Sendable {
  func buckets(for caller: Caller) async throws(Problem) -> [BucketStatus]
  /// Makes a bucket, or changes its limits.
  func declareBucket(_ bucket: Bucket, by caller: Caller) async throws(Problem)
  /// Removes a bucket with all that is in it.
  func removeBucket(_ name: BucketName, by caller: Caller) async throws(Problem)
  /// - Throws: ``Problem`` `key_unknown` when there is nothing.
  func state(_ key: StateKey, in bucket: BucketName, for caller: Caller) async throws(Problem)
    -> StateEntry
  /// Entries whose keys begin with `prefix`, from the key after `after` on, in the order of keys.
  func states(
    in bucket: BucketName, prefix: String, after: StateKey?, limit: Int, for caller: Caller
  ) async throws(Problem) -> [StateEntry]
  /// All writes or none; returns when they are durable.
  func writeState(_ writes: [StateWrite], by caller: Caller) async throws(Problem)
    -> [StateRevision]
  /// What was written after `revision`, waiting up to `patience` for something; see ``StateStore``.
  func stateChanges(
    in bucket: BucketName, prefix: String, after revision: StateRevision?, patience: Duration,
    for caller: Caller
  ) async throws(Problem) -> [StateChange]
}
