import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import NodeAgent

/// State that a test writes, and that says how often it was read.
private final class ScriptedState: GuestState {
  private struct Content {
    var consistency = Bucket.Consistency.cached(staleness: .seconds(10))
    var value: [UInt8] = [0]
    var revision: Int64 = 1
    var reads = 0
    var positions = 0
    var problem: Problem?
  }

  private let content = Mutex(Content())
  private let key = StateKey(unchecked: "k")
  private static let away = Problem(.unavailable, code: "restarting", "away")

  func change(consistency: Bucket.Consistency) {
    content.withLock { $0.consistency = consistency }
  }
  func set(away: Bool) { content.withLock { $0.problem = away ? Self.away : nil } }
  func set(_ problem: Problem) { content.withLock { $0.problem = problem } }
  func write(_ byte: UInt8) {
    content.withLock { content in
      content.value = [byte]
      content.revision += 1
    }
  }
  var reads: Int { content.withLock { $0.reads } }
  var positions: Int { content.withLock { $0.positions } }

  private var entry: StateEntry {
    content.withLock { content in
      StateEntry(
        key: key, value: content.value, revision: StateRevision(content.revision),
        modifiedAt: WallInstant(microseconds: 0), expiresAt: nil)
    }
  }

  func entry(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> StateEntry? {
    content.withLock { $0.reads += 1 }
    return entry
  }

  func entries(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int
  ) async throws(Problem) -> [StateEntry] { [] }

  func position(
    of bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> BucketPosition {
    let position: BucketPosition? = content.withLock { content in
      content.positions += 1
      guard content.problem == nil else { return nil }
      return BucketPosition(
        bucket: Bucket(name: bucket, consistency: content.consistency),
        revision: StateRevision(content.revision))
    }
    guard let position else { throw content.withLock { $0.problem } ?? Self.away }
    return position
  }

  func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after revision: StateRevision?,
    patience: Duration
  ) async throws(Problem) -> [StateChange] {
    while !Task.isCancelled {
      let entry = entry
      if let problem = content.withLock({ $0.problem }) { throw problem }
      if entry.revision > revision ?? .none {
        return [
          StateChange(key: key, revision: entry.revision, at: entry.modifiedAt, entry: entry)
        ]
      }
      await Task.yield()
    }
    return []
  }
}

private final class ScriptedClock: HostClock {
  private let milliseconds = Mutex<Int64>(0)
  func wait(_ duration: Int64) { milliseconds.withLock { $0 += duration } }
  func now() -> Instants {
    let now = milliseconds.withLock { $0 }
    return Instants(
      monotonic: MonotonicInstant(nanoseconds: now * 1_000_000),
      wall: WallInstant(microseconds: now * 1000))
  }
}

@Suite(.timeLimit(.minutes(1))) struct StateCacheTests {
  private let bucket = BucketName(unchecked: "b")
  private let key = StateKey(unchecked: "k")
  private let state = ScriptedState()
  private let clock = ScriptedClock()

  private func read(_ cache: StateCache) async throws -> [UInt8]? {
    try await cache.entry(key, in: bucket, of: .default)?.value
  }

  /// Reads until one of them is served from memory.
  private func warm(_ cache: StateCache) async throws {
    while true {
      let before = state.reads
      _ = try await read(cache)
      if state.reads == before { return }
      await Task.yield()
    }
  }

  @Test func `a cached bucket is read once, until somebody writes`() async throws {
    let cache = StateCache(state, clock: clock)
    try await warm(cache)
    #expect(cache.bytes > 0)
    state.write(7)
    while try await read(cache) != [7] { await Task.yield() }
    cache.close()
  }

  @Test func `it is read again when it may be too old, and when it is forgotten`() async throws {
    let cache = StateCache(state, clock: clock)
    try await warm(cache)
    let reads = state.reads
    clock.wait(10_000)
    _ = try await read(cache)
    #expect(state.reads == reads)
    clock.wait(1)
    _ = try await read(cache)
    #expect(state.reads == reads + 1)
    cache.forget(key, in: bucket, of: .default)
    _ = try await read(cache)
    #expect(state.reads == reads + 2)
    cache.close()
  }

  @Test func `a strong bucket is always read`() async throws {
    state.change(consistency: .strong)
    let cache = StateCache(state, clock: clock)
    _ = try await read(cache)
    while state.positions == 0 { await Task.yield() }
    for number in 1...20 {
      state.write(UInt8(number))
      #expect(try await read(cache) == [UInt8(number)])
    }
    #expect(cache.bytes == 0)
    cache.close()
  }

  @Test func `nothing is remembered while nobody can follow`() async throws {
    let cache = StateCache(state, clock: clock)
    try await warm(cache)
    state.set(away: true)
    var reads = state.reads
    while state.reads == reads {
      _ = try await read(cache)
      await Task.yield()
    }
    for _ in 0..<5 {
      reads = state.reads
      _ = try await read(cache)
      #expect(state.reads == reads + 1)
    }
    state.set(away: false)
    try await warm(cache)
    cache.close()
  }

  @Test func `while the control plane is away, what was read is as good as its bucket allows`()
    async throws
  {
    let cache = StateCache(state, clock: clock)
    try await warm(cache)
    let began = state.positions
    state.set(.controlPlaneAway)
    // The follower has found out when it asks again where to begin.
    while state.positions == began { try await Task.sleep(for: .milliseconds(10)) }
    let reads = state.reads
    clock.wait(9_999)
    #expect(try await read(cache) == [0])
    #expect(state.reads == reads)
    clock.wait(2)
    _ = try await read(cache)
    #expect(state.reads == reads + 1)
    cache.close()
  }
}
