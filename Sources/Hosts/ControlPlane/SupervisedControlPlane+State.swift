public import ClusterModel
public import HostPorts
import SupervisionRuntime

// State needs no decisions of the control plane: requests go to the store, whose owner may be restarting.
extension SupervisedControlPlane: StateService {
  public func buckets(for caller: Caller) async throws(Problem) -> [BucketStatus] {
    try await bus.use { (stores) async throws(Problem) in
      try await stores.state.buckets(in: caller.namespace)
    }
  }

  public func declareBucket(_ bucket: Bucket, by caller: Caller) async throws(Problem) {
    var bucket = bucket
    bucket.namespace = caller.namespace
    try await bus.use { [bucket] (stores) async throws(Problem) in
      try await stores.state.declare(bucket)
    }
  }

  public func removeBucket(_ name: BucketName, by caller: Caller) async throws(Problem) {
    let isRemoved = try await bus.use { (stores) async throws(Problem) in
      try await stores.state.removeBucket(name, in: caller.namespace)
    }
    guard isRemoved else {
      throw Problem(
        .notFound, code: "bucket_unknown", "there is no bucket \(name)",
        next: "See which there are with `wasmatrix state buckets`.")
    }
  }

  public func state(
    _ key: StateKey, in bucket: BucketName, for caller: Caller
  ) async throws(Problem) -> StateEntry {
    let now = clock.now().wall
    let entry = try await bus.use { (stores) async throws(Problem) in
      try await stores.state.get(key, in: bucket, of: caller.namespace, at: now)
    }
    guard let entry else {
      throw Problem(
        .notFound, code: "key_unknown", "there is no \(key) in \(bucket)",
        next: "See what there is with `wasmatrix state list \(bucket)`.")
    }
    return entry
  }

  public func states(
    in bucket: BucketName, prefix: String, after: StateKey?, limit: Int, for caller: Caller
  ) async throws(Problem) -> [StateEntry] {
    let now = clock.now().wall
    return try await bus.use { (stores) async throws(Problem) in
      try await stores.state.list(
        bucket, of: caller.namespace, prefix: prefix, after: after, limit: limit, at: now)
    }
  }

  public func writeState(
    _ writes: [StateWrite], by caller: Caller
  ) async throws(Problem) -> [StateRevision] {
    let now = clock.now().wall
    let size = writes.filter { $0.action != .delete }.footprint
    if size.bytes > 0 { try room.take(size, for: .state) }
    return try await bus.use { (stores) async throws(Problem) in
      try await stores.state.write(writes, in: caller.namespace, at: now)
    }
  }

  public func stateChanges(
    in bucket: BucketName, prefix: String, after revision: StateRevision?, patience: Duration,
    for caller: Caller
  ) async throws(Problem) -> [StateChange] {
    try await SlottedState(slot: bus, clock: clock).changes(
      in: bucket, of: caller.namespace, prefix: prefix, after: revision, patience: patience)
  }
}
