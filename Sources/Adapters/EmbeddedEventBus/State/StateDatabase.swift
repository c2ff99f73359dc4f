public import ClusterModel
import DurableSQLite
import GRDB
public import HostPorts
import Synchronization

/// State in the file of the event log.
public final class StateDatabase: StateStore {
  private struct Place: Hashable {
    let namespace: Namespace
    let name: BucketName
  }

  private struct Watchers {
    var signs: [Place: [UInt64: AsyncStream<Void>.Continuation]] = [:]
    var last: UInt64 = 0
  }

  private let database: DurableDatabase
  private let rememberedDeletions: Int
  private let watchers = Mutex(Watchers())

  /// Watchers who were away for so many deletions in a bucket hear of each of them.
  public static let defaultRememberedDeletions = 10_000

  init(database: DurableDatabase, rememberedDeletions: Int) {
    self.database = database
    self.rememberedDeletions = rememberedDeletions
  }

  public func declare(_ bucket: Bucket) async throws(Problem) {
    try await write { try $0.declare(bucket) }
  }

  public func buckets(in namespace: Namespace) async throws(Problem) -> [BucketStatus] {
    try await read { try $0.buckets(in: namespace) }
  }

  public func removeBucket(
    _ name: BucketName, in namespace: Namespace
  ) async throws(Problem) -> Bool {
    let isRemoved = try await write { try $0.removeBucket(name, namespace) }
    sign([Place(namespace: namespace, name: name)])
    return isRemoved
  }

  public func get(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace, at now: WallInstant
  ) async throws(Problem) -> StateEntry? {
    try await read { try $0.get(key, bucket, namespace, at: now) }
  }

  public func list(
    _ bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int,
    at now: WallInstant
  ) async throws(Problem) -> [StateEntry] {
    try await read {
      try $0.list(bucket, namespace, prefix: prefix, after: after, limit: limit, at: now)
    }
  }

  public func write(
    _ writes: [StateWrite], in namespace: Namespace, at now: WallInstant
  ) async throws(Problem) -> [StateRevision] {
    let revisions = try await write(cost: writes.footprint) {
      try $0.write(writes, namespace, at: now)
    }
    sign(Set(writes.map { Place(namespace: namespace, name: $0.bucket) }))
    return revisions
  }

  public func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String,
    after revision: StateRevision?, limit: Int
  ) async throws(Problem) -> [StateChange] {
    try await read {
      try $0.changes(bucket, namespace, prefix: prefix, after: revision, limit: limit)
    }
  }

  public func position(
    of bucket: BucketName, in namespace: Namespace
  ) async throws(Problem) -> BucketPosition {
    try await read { try $0.position(bucket, namespace) }
  }

  public func sweep(at now: WallInstant, limit: Int) async throws(Problem) -> Int {
    let swept = try await write { try $0.sweep(at: now, limit: limit) }
    // Which buckets they were in is known by number only: everybody looks.
    if !swept.isEmpty { sign(watchers.withLock { Set($0.signs.keys) }) }
    return swept.count
  }

  public func signs(of bucket: BucketName, in namespace: Namespace) -> AsyncStream<Void> {
    let place = Place(namespace: namespace, name: bucket)
    let (signs, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let id = watchers.withLock { watchers in
      watchers.last += 1
      watchers.signs[place, default: [:]][watchers.last] = continuation
      return watchers.last
    }
    continuation.onTermination = { [weak self] _ in
      self?.watchers.withLock { watchers in
        watchers.signs[place]?[id] = nil
        if watchers.signs[place]?.isEmpty == true { watchers.signs[place] = nil }
      }
    }
    return signs
  }

  /// Appends the events and carries out the writes of an activation, within a transaction.
  ///
  /// - Throws: ``Problem`` `effects_refused`: state would not take the writes.
  func carryOut(
    _ effects: StoredEffects, at now: WallInstant, _ events: inout EventWriter
  ) throws -> [AppendedEvent] {
    if !effects.writes.isEmpty {
      let writer = StateWriter(
        database: events.database, file: database.path, rememberedDeletions: rememberedDeletions)
      do {
        _ = try writer.write(effects.writes, effects.namespace, at: now)
      } catch let problem as Problem where problem.category != .internalFault {
        throw Problem.effectsRefused(problem)
      }
    }
    var appended: [AppendedEvent] = []
    for event in effects.events { appended.append(try events.append(event)) }
    return appended
  }

  /// Tells those who watch that effects were carried out.
  func sign(for effects: CommittedEffects) {
    sign(Set(effects.writes.map { Place(namespace: effects.namespace, name: $0.bucket) }))
  }

  /// Ends the streams of all who watch: the store is closing.
  func finish() {
    let all = watchers.withLock { watchers in
      defer { watchers.signs = [:] }
      return watchers.signs.values.flatMap(\.values)
    }
    for continuation in all { continuation.finish() }
  }

  private func sign(_ places: Set<Place>) {
    let continuations = watchers.withLock { watchers in
      places.flatMap { watchers.signs[$0].map { Array($0.values) } ?? [] }
    }
    for continuation in continuations { continuation.yield() }
  }

  private func read<Value: Sendable>(
    _ body: @escaping @Sendable (StateReader) throws -> Value
  ) async throws(Problem) -> Value {
    let file = database.path
    return try await database.read { try body(StateReader(database: $0, file: file)) }
  }

  private func write<Value: Sendable>(
    cost: ByteCount = ByteCount(bytes: 0),
    _ body: @escaping @Sendable (StateWriter) throws -> Value
  ) async throws(Problem) -> Value {
    let (file, remembered) = (database.path, rememberedDeletions)
    return try await database.write(cost: cost) {
      try body(StateWriter(database: $0, file: file, rememberedDeletions: remembered))
    }
  }
}
