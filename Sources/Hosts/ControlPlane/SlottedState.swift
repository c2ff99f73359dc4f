import ClusterModel
import HostPorts
import SupervisionRuntime

/// State behind a slot, as agents read it.
struct SlottedState: GuestState {
  let slot: ResourceSlot<EventStores>
  let clock: any HostClock

  func entry(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> StateEntry? {
    let now = clock.now().wall
    return try await slot.use { (stores) async throws(Problem) in
      try await stores.state.get(key, in: bucket, of: namespace, at: now)
    }
  }
  func entries(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int
  ) async throws(Problem) -> [StateEntry] {
    let now = clock.now().wall
    return try await slot.use { (stores) async throws(Problem) in
      try await stores.state.list(
        bucket, of: namespace, prefix: prefix, after: after, limit: limit, at: now)
    }
  }
  func position(
    of bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> BucketPosition {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.state.position(of: bucket, in: namespace)
    }
  }

  /// Changes in one answer.
  private static let changesAtOnce = 1000
  /// Entries that expired are deleted so many at a time by those who watch.
  private static let sweptAtOnce = 1000
  /// How late whoever watches hears that an entry has expired.
  private static let sweepInterval = Duration.seconds(1)

  func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after revision: StateRevision?,
    patience: Duration
  ) async throws(Problem) -> [StateChange] {
    let deadline = clock.now().monotonic + patience
    while true {
      let stores = try await slot.borrow()
      // Before looking, so that nothing between is missed.
      let signs = stores.state.signs(of: bucket, in: namespace)
      let now = clock.now().wall
      let changes = try await slot.use { (stores) async throws(Problem) in
        _ = try await stores.state.sweep(at: now, limit: Self.sweptAtOnce)
        return try await stores.state.changes(
          in: bucket, of: namespace, prefix: prefix, after: revision,
          limit: Self.changesAtOnce)
      }
      let left = deadline - clock.now().monotonic
      guard changes.isEmpty, left > .zero, !Task.isCancelled else { return changes }
      await Self.wait(for: signs, atMost: min(left, Self.sweepInterval))
    }
  }

  private static func wait(for signs: AsyncStream<Void>, atMost patience: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await () in signs { return } }
      group.addTask {
        // Cancelled when a sign came sooner.
        try? await Task.sleep(for: patience)
      }
      await group.next()
      group.cancelAll()
    }
  }
}
