import ClusterModel
import HostPorts

/// State of one bucket with one entry.
extension SampleCluster: StateService {
  static let bucket = Bucket(
    name: BucketName(unchecked: "stock"), consistency: .cached(staleness: .seconds(1)),
    timeToLive: .seconds(60))
  static let entry = StateEntry(
    key: StateKey(unchecked: "a/b"), value: Array("5".utf8), revision: StateRevision(7),
    modifiedAt: Samples.instant, expiresAt: Samples.instant)

  func buckets(for caller: Caller) async throws(Problem) -> [BucketStatus] {
    [BucketStatus(bucket: Self.bucket, entries: 1, size: ByteCount(bytes: 68))]
  }
  func declareBucket(_ bucket: Bucket, by caller: Caller) async throws(Problem) {
    change { $0.declared.append(bucket) }
  }
  func removeBucket(_ name: BucketName, by caller: Caller) async throws(Problem) {
    guard name == Self.bucket.name else { throw Self.unknown }
  }
  func state(
    _ key: StateKey, in bucket: BucketName, for caller: Caller
  ) async throws(Problem) -> StateEntry {
    guard key == Self.entry.key, bucket == Self.bucket.name else { throw Self.unknown }
    return Self.entry
  }
  func states(
    in bucket: BucketName, prefix: String, after: StateKey?, limit: Int, for caller: Caller
  ) async throws(Problem) -> [StateEntry] {
    Self.entry.key.text.hasPrefix(prefix) && after == nil ? [Self.entry] : []
  }
  func writeState(
    _ writes: [StateWrite], by caller: Caller
  ) async throws(Problem) -> [StateRevision] {
    change { $0.written += writes }
    return writes.indices.map { StateRevision(Int64($0) + 8) }
  }
  func stateChanges(
    in bucket: BucketName, prefix: String, after revision: StateRevision?, patience: Duration,
    for caller: Caller
  ) async throws(Problem) -> [StateChange] {
    guard bucket == Self.bucket.name else { throw Self.unknown }
    // The second look ends the watch.
    guard revision.map({ $0 < Self.entry.revision }) ?? true else { throw Self.unknown }
    return [
      StateChange(
        key: Self.entry.key, revision: Self.entry.revision, at: Samples.instant, entry: Self.entry)
    ]
  }

  private static let unknown = Problem(.notFound, code: "bucket_unknown", "there is none")
}

extension SampleCluster: EventTailService {
  func tail(_ question: TailQuestion, for caller: Caller) async throws(Problem) -> any EventTail {
    try entered(caller)
    change { $0.questions.append(question) }
    return SampleTail(items: read { $0.tail })
  }
}

extension SampleCluster: EventReplayService {
  /// Two pages, whatever is asked for.
  func replay(_ request: ReplayRequest, by caller: Caller) async throws(Problem) -> ReplayedPage {
    try entered(caller)
    change { $0.replays.append(request) }
    var page = ReplayedPage(through: EventOffset(300))
    page.events = 7
    page.deliveries = 9
    if read({ $0.replays.count }) == 1 {
      page.missed = [ReplayedPage.Missed(from: EventOffset(1), through: EventOffset(4))]
      page.next = EventOffset(201)
    }
    return page
  }
}

/// Tells everything at once, and then waits for its end.
actor SampleTail: EventTail {
  private var items: [TailItem]

  init(items: [TailItem]) { self.items = items }

  func next(patience: Duration) async throws(Problem) -> [TailItem] {
    defer { items = [] }
    if items.isEmpty {
      // Sleeping ends early only when the task is cancelled, which whoever asks looks at itself.
      try? await Task.sleep(for: patience)
    }
    return items
  }
}
