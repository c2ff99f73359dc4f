public import ClusterModel
public import DurableSQLite
import GRDB
public import HostPorts
import Synchronization

/// The event log in `events.sqlite` and the journal before it: accepted events, and what became of each
/// delivery. Events that
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
  private let tables: LoggedTables
  private let sequencer: EventSequencer
  private let sinceTrim = Mutex(Growth())
  /// Trimming looks at tables, so it is done once in so many changes...
  private static let changesBetweenTrims = 256
  /// ... or in so many bytes, so that large events do not pile up.
  private static let bytesBetweenTrims = 16 << 20
  /// Events forgotten at a time: more than can come between two trims, and few enough that no writer
  /// waits for long.
  private static let trimSize = 4 * changesBetweenTrims

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
    let start = try JournalStart(database, in: folder, report, deduplication)
    tables = start.tables
    sequencer = EventSequencer(file: database.path)
    sequencer.start(start.loop)
  }

  deinit { sequencer.refuseFurther() }

  /// How many transactions made what was written durable.
  public var commits: Int { database.commits + sequencer.commits }

  public var capabilities: EventLogCapabilities {
    EventLogCapabilities(
      deduplication: deduplication, canDeliverAgain: true, effectsWithAcknowledgement: true)
  }

  public var damage: EventLogDamage { report.damage }

  public func pendingDeliveries() async throws(Problem) -> [PendingDelivery] {
    try await read { try $0.pendingDeliveries() }
  }

  public func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent {
    let stored = StoredEvent(event)
    let appended = try await sequencer.write(.publish([stored]))[0]
    grew(by: stored.footprint, at: event.acceptedAt)
    return appended
  }

  public func append(_ events: [AcceptedEvent]) async -> [Result<AppendedEvent, Problem>] {
    var rest = events.map { StoredEvent($0) }[...]
    var results: [Result<AppendedEvent, Problem>] = []
    results.reserveCapacity(rest.count)
    var broken = BrokenSeries()
    while let first = rest.first {
      let asked = events[results.count...]
      if let problem = broken.problem(of: asked[results.count]) {
        results.append(.failure(problem))
        rest = rest.dropFirst()
        continue
      }
      let whole = rest.prefix(asked.prefix { broken.problem(of: $0) == nil }.count)
      let together = Array(whole.prefix(EventSequencer.together(whole)))
      rest = rest.dropFirst(together.count)
      do throws(Problem) {
        results += try await sequencer.write(.publish(together)).map { .success($0) }
        for event in together { grew(by: event.footprint, at: first.acceptedAt) }
      } catch {
        for event in asked.prefix(together.count) { broken.broke(at: event, error) }
        results += together.map { _ in .failure(error) }
      }
    }
    return results
  }

  public func record(_ change: DeliveryChange) async throws(Problem) -> [AppendedEvent] {
    let stored = try StoredChange.of(change, file: database.path)
    guard case .succeeded(let output, let effects) = change.outcome else {
      _ = try await sequencer.write(.record(stored, []))
      grew(by: ByteCount(bytes: 0), at: change.at)
      return []
    }
    let size = ByteCount(bytes: output.count + effects.footprint.bytes)
    defer { grew(by: size, at: change.at) }
    let storedEffects = StoredEffects(effects)
    guard !effects.writes.isEmpty else {
      return try await sequencer.write(.record(stored, storedEffects.events))
    }
    let appended: [AppendedEvent] = try await sequencer.transact(size: size.bytes) {
      [state] writer in
      // A delivery that is not pending any more was recorded before, with all that it did.
      guard try writer.record(stored) else { return [] }
      return try state.carryOut(storedEffects, at: change.at, &writer)
    }
    state.sign(for: effects)
    return appended
  }

  public func commit(_ effects: CommittedEffects) async throws(Problem) -> [AppendedEvent] {
    let stored = StoredEffects(effects)
    let now = effects.at
    defer { grew(by: effects.footprint, at: now) }
    guard !effects.writes.isEmpty else {
      return try await sequencer.write(.append(stored.events))
    }
    let appended = try await sequencer.transact(size: effects.footprint.bytes) { [state] in
      try state.carryOut(stored, at: now, &$0)
    }
    state.sign(for: effects)
    return appended
  }

  /// Puts what is in the journal into the tables, for whoever reads or copies their file.
  public func foldIn() async throws(Problem) {
    try await sequencer.transact(size: 0) { _ in }
  }

  public func event(at offset: EventOffset) async throws(Problem) -> Event? {
    if let event = tables.backlog.event(at: offset) { return event.event }
    return try await database.read { [report] in
      try EventReader(database: $0, report: report).event(at: offset)?.event
    }
  }

  public func newestOffset() async throws(Problem) -> EventOffset {
    try await read { try $0.newestOffset() }
  }

  /// At most 8 MiB together, or one event.
  public func events(from offset: EventOffset, limit: Int) async throws(Problem) -> EventPage {
    try await read { try $0.events(from: offset, limit: limit) }
  }

  public func status(of offset: EventOffset) async throws(Problem) -> EventStatus? {
    if let status = tables.backlog.status(of: offset) { return status }
    return try await tables.read(isBrief: true) { try $0.status(of: offset) }
  }

  /// Fewer than `limit` when their data is long: at most 64 MiB together, or one letter.
  public func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter] {
    try await read { try $0.deadLetters(from: id, limit: limit) }
  }

  public func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter? {
    try await read { try $0.deadLetter(id) }
  }

  public func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool {
    try await sequencer.transact(size: 0) { try $0.dropDeadLetter(id) }
  }

  public func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery? {
    try await sequencer.transact(size: 0) { try $0.replayDeadLetter(id) }
  }

  public func firstOffset(since time: WallInstant) async throws(Problem) -> EventOffset? {
    try await read { try $0.firstOffset(since: time) }
  }

  public func deliverAgain(_ events: [Redelivery]) async throws(Problem) -> [PendingDelivery] {
    try await sequencer.transact(size: 0) { writer in
      var pending: [PendingDelivery] = []
      for event in events { pending += try writer.deliverAgain(event) }
      return pending
    }
  }

  /// What the file holds.
  public func inside() async throws(Problem) -> DataMeter.Inside {
    try await read { reader in
      func number(_ sql: String) throws -> Int {
        try Int.fetchOne(reader.database, sql: sql) ?? 0
      }
      let page = try number("PRAGMA page_size")
      return DataMeter.Inside(
        size: ByteCount(bytes: try number("PRAGMA page_count") * page),
        state: ByteCount(bytes: try number("SELECT sum(size) FROM buckets")),
        free: ByteCount(bytes: try number("PRAGMA freelist_count") * page))
    }
  }

  public func close() async throws(Problem) {
    state.finish()
    await sequencer.close()
    try await database.close()
  }

  private func read<Value: Sendable>(
    _ body: @escaping @Sendable (EventReader) throws -> Value
  ) async throws(Problem) -> Value {
    try await tables.read(body)
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
    tables.writeLater { [retention, deduplication] writer in
      try writer.trim(keeping: retention, limit: Self.trimSize, at: now)
      if let deduplication { try EventIdentities.trim(writer.database, deduplication, at: now) }
    }
  }
}
