public import ClusterModel
public import DurableSQLite
import GRDB
public import HostPorts
import Synchronization

/// The event log in `events.sqlite`: accepted events, and what became of each delivery. Events that
/// nothing is owed for and no dead letter needs are kept for a while, for whoever asks what became of
/// them, then forgotten, the oldest first.
public final class EventDatabase: EventLog {
  private struct Growth: ~Copyable {
    var changes = 0
    var bytes = 0
  }

  private let database: DurableDatabase
  private let report: DamageReport
  /// State, which lies in the same file.
  public let state: StateDatabase
  private let deduplication: DeduplicationWindow?
  private let retention: EventRetention
  private let sinceTrim = Mutex(Growth())

  /// Trimming counts every settled event that is kept, so it is done once in so many changes...
  private static let changesBetweenTrims = 256
  /// ... or in so many bytes, so that large events do not pile up.
  private static let bytesBetweenTrims = 16 << 20
  /// Events forgotten at a time: more than can come between two trims, and few enough that no writer
  /// waits for long.
  private static let trimSize = 2 * changesBetweenTrims

  /// Opens (and makes) the event log of a data folder. Blocks: for the start of a program.
  ///
  /// - Parameters:
  ///   - retention: which settled events are kept (about: what is too much goes now and then, with what
  ///     comes).
  ///   - deduplication: within which bounds a repeated publish is known again; `nil` for never.
  ///   - rememberedDeletions: deletions of state that are remembered in each bucket (about).
  /// - Throws: what ``DurableDatabase`` throws.
  public init(
    in folder: DataFolder, retention: EventRetention = EventRetention(),
    deduplication: DeduplicationWindow? = DeduplicationWindow(),
    rememberedDeletions: Int = StateDatabase.defaultRememberedDeletions
  ) throws(Problem) {
    self.retention = retention
    self.deduplication = deduplication
    database = try DurableDatabase(
      path: folder.path + "/events.sqlite", format: EventTables.format)
    report = DamageReport(file: database.path)
    state = StateDatabase(database: database, rememberedDeletions: rememberedDeletions)
  }

  /// How many transactions made what was written durable.
  public var commits: Int { database.commits }

  public var capabilities: EventLogCapabilities {
    EventLogCapabilities(
      deduplication: deduplication, canDeliverAgain: true, effectsWithAcknowledgement: true)
  }

  public var damage: EventLogDamage { report.damage }

  public func pendingDeliveries() async throws(Problem) -> [PendingDelivery] {
    try await read { try $0.pendingDeliveries() }
  }

  public func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent {
    let stored = try StoredEvent.of(event, file: database.path)
    let appended = try await write(cost: stored.footprint) { [deduplication] in
      try $0.publish(stored, within: deduplication)
    }
    grew(by: stored.footprint, at: event.acceptedAt)
    return appended
  }

  public func record(_ change: DeliveryChange) async throws(Problem) -> [AppendedEvent] {
    guard case .succeeded(let output, let effects) = change.outcome else {
      try await write { try $0.record(change) }
      grew(by: ByteCount(bytes: 0), at: change.at)
      return []
    }
    let stored = try StoredEffects(effects, file: database.path)
    let cost = ByteCount(bytes: output.count + effects.footprint.bytes)
    let appended: [AppendedEvent] = try await write(cost: cost) { [state] writer in
      // A delivery that is not pending any more was recorded before, with all that it did.
      guard try writer.succeed(change, output) else { return [] }
      return try state.carryOut(stored, at: change.at, writer)
    }
    grew(by: cost, at: change.at)
    state.sign(for: effects)
    return appended
  }

  public func commit(_ effects: CommittedEffects) async throws(Problem) -> [AppendedEvent] {
    let stored = try StoredEffects(effects, file: database.path)
    let now = effects.at
    let appended = try await write(cost: effects.footprint) { [state] in
      try state.carryOut(stored, at: now, $0)
    }
    grew(by: effects.footprint, at: now)
    state.sign(for: effects)
    return appended
  }

  public func event(at offset: EventOffset) async throws(Problem) -> Event? {
    try await read { try $0.event(at: offset)?.event }
  }

  public func newestOffset() async throws(Problem) -> EventOffset {
    try await read { try $0.newestOffset() }
  }

  /// At most 8 MiB together, or one event.
  public func events(from offset: EventOffset, limit: Int) async throws(Problem) -> EventPage {
    try await read { try $0.events(from: offset, limit: limit) }
  }

  public func status(of offset: EventOffset) async throws(Problem) -> EventStatus? {
    try await read { try $0.status(of: offset) }
  }

  /// Fewer than `limit` when their data is long: at most 64 MiB together, or one letter.
  public func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter] {
    try await read { try $0.deadLetters(from: id, limit: limit) }
  }

  public func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter? {
    try await read { try $0.deadLetter(id) }
  }

  public func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool {
    try await write { try $0.dropDeadLetter(id) }
  }

  public func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery? {
    try await write { try $0.replayDeadLetter(id) }
  }

  public func firstOffset(since time: WallInstant) async throws(Problem) -> EventOffset? {
    try await read { try $0.firstOffset(since: time) }
  }

  public func deliverAgain(_ events: [Redelivery]) async throws(Problem) -> [PendingDelivery] {
    try await write { writer in try events.flatMap { try writer.deliverAgain($0) } }
  }

  /// What the file holds.
  public func inside() async throws(Problem) -> DataMeter.Inside {
    try await database.read { database in
      func number(_ sql: String) throws -> Int { try Int.fetchOne(database, sql: sql) ?? 0 }
      let page = try number("PRAGMA page_size")
      return DataMeter.Inside(
        size: ByteCount(bytes: try number("PRAGMA page_count") * page),
        state: ByteCount(bytes: try number("SELECT sum(size) FROM buckets")),
        free: ByteCount(bytes: try number("PRAGMA freelist_count") * page))
    }
  }

  public func close() async throws(Problem) {
    state.finish()
    try await database.close()
  }

  private func read<Value: Sendable>(
    _ body: @escaping @Sendable (EventReader) throws -> Value
  ) async throws(Problem) -> Value {
    try await database.read { [report] in
      try body(EventReader(database: $0, report: report))
    }
  }

  private func write<Value: Sendable>(
    cost: ByteCount = ByteCount(bytes: 0),
    _ body: @escaping @Sendable (EventWriter) throws -> Value
  ) async throws(Problem) -> Value {
    try await database.write(cost: cost) { [report] in
      try body(EventWriter(database: $0, report: report))
    }
  }

  /// Trims when it is due. Nobody waits for it, and when it fails the next one does its work.
  private func grew(by bytes: ByteCount, at now: WallInstant) {
    let isTrimDue = sinceTrim.withLock { growth in
      growth.changes += 1
      growth.bytes += bytes.bytes
      guard
        growth.changes >= Self.changesBetweenTrims || growth.bytes >= Self.bytesBetweenTrims
      else { return false }
      growth = Growth()
      return true
    }
    guard isTrimDue else { return }
    database.writeLater { [retention, report] in
      try EventWriter(database: $0, report: report).trim(
        keeping: retention, limit: Self.trimSize, at: now)
    }
  }
}
