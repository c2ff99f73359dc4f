public import ClusterModel
public import ControlAPIModel
internal import NIOHTTP1

extension APIClient {
  public func buckets() async throws(Problem) -> [BucketResource] {
    try await value(ListResource<BucketResource>.self, of: Call(path: ["v1", "state"])).items
  }

  /// Makes a bucket, or changes its limits.
  public func declareBucket(
    _ name: BucketName, _ request: BucketRequest
  ) async throws(Problem) -> BucketResource {
    try await value(
      BucketResource.self, of: json(.PUT, ["v1", "state", name.text], request))
  }

  /// Removes a bucket with all that is in it.
  public func removeBucket(_ name: BucketName) async throws(Problem) {
    try await success(of: Call(method: .DELETE, path: ["v1", "state", name.text]))
  }

  /// Entries whose keys begin with `prefix`, from the key after `after` on.
  ///
  /// - Parameter limit: 1 to 1000.
  public func state(
    in bucket: BucketName, prefix: String = "", after: StateKey? = nil,
    limit: Int = APILimits.defaultPage
  ) async throws(Problem) -> [StateEntryResource] {
    try await value(
      ListResource<StateEntryResource>.self,
      of: Call(
        path: ["v1", "state", bucket.text],
        query: [("prefix", prefix), ("after", after?.text), ("limit", String(limit))])
    ).items
  }

  public func state(
    of key: StateKey, in bucket: BucketName
  ) async throws(Problem) -> StateEntryResource {
    try await value(
      StateEntryResource.self,
      of: Call(path: ["v1", "state", bucket.text, "entry"], query: [("key", key.text)]))
  }

  /// Carries out all writes, or none; returns their revisions when they are durable.
  public func writeState(
    _ writes: [StateBatchRequest.Write]
  ) async throws(Problem) -> [StateRevision] {
    try await value(
      StateBatchResource.self, of: json(.POST, ["v1", "state"], StateBatchRequest(writes: writes))
    ).revisions
  }

  /// What is in a bucket, and then what changes; with `after` only what was written after that.
  public func watchState(
    in bucket: BucketName, prefix: String = "", after: StateRevision? = nil
  ) async throws(Problem) -> LineSequence<StateChangeResource> {
    var call = Call(
      path: ["v1", "state", bucket.text, "watch"],
      query: [("prefix", prefix), ("after", after.map { String($0.number) })])
    call.timeout = Self.followingTimeout
    return try await lines(StateChangeResource.self, of: call)
  }
}
