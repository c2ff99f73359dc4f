public import ClusterModel
public import DurableSQLite
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
  /// State, which lies in the same file.
  public let state: StateDatabase
  private let keptEvents: Int
  private let keptBytes: Int
  private let sinceTrim = Mutex(Growth())

  /// Settled events that are kept: seconds to minutes of a busy machine.
  public static let defaultKeptEvents = 10_000
  /// Bytes of settled events and their results that are kept: what a small machine can spare.
  public static let defaultKeptBytes = ByteCount.mebibytes(256)
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
  ///   - keptEvents: settled events to keep at most (about; trimming is done now and then).
  ///   - keptBytes: bytes of settled events to keep at most (about).
  ///   - rememberedDeletions: deletions of state that are remembered in each bucket (about).
  /// - Throws: what ``DurableDatabase`` throws.
  public init(
    in folder: DataFolder, keptEvents: Int = defaultKeptEvents,
    keptBytes: ByteCount = defaultKeptBytes,
    rememberedDeletions: Int = StateDatabase.defaultRememberedDeletions
  ) throws(Problem) {
    self.keptEvents = keptEvents
    self.keptBytes = keptBytes.bytes
    database = try DurableDatabase(
      path: folder.path + "/events.sqlite", format: EventTables.format)
    state = StateDatabase(database: database, rememberedDeletions: rememberedDeletions)
  }

  /// How many transactions made what was written durable.
  public var commits: Int { database.commits }

  public func pendingDeliveries() async throws(Problem) -> [PendingDelivery] {
    try await database.read { try EventReader(database: $0).pendingDeliveries() }
  }

  public func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent {
    let stored = try StoredEvent.of(event, file: database.path)
    let appended = try await database.write(cost: stored.footprint) {
      try EventWriter(database: $0).append(stored)
    }
    grew(by: stored.footprint)
    return appended
  }

  public func record(_ change: DeliveryChange) async throws(Problem) -> [AppendedEvent] {
    guard case .succeeded(let output, let effects) = change.outcome else {
      try await database.write { try EventWriter(database: $0).record(change) }
      grew(by: ByteCount(bytes: 0))
      return []
    }
    let stored = try StoredEffects(effects, file: database.path)
    let cost = ByteCount(bytes: output.count + effects.footprint.bytes)
    let appended: [AppendedEvent] = try await database.write(cost: cost) { [state] database in
      // A delivery that is not pending any more was recorded before, with all that it did.
      guard try EventWriter(database: database).succeed(change, output) else { return [] }
      return try state.carryOut(stored, at: change.at, database)
    }
    grew(by: cost)
    state.sign(for: effects)
    return appended
  }

  public func commit(_ effects: CommittedEffects) async throws(Problem) -> [AppendedEvent] {
    let stored = try StoredEffects(effects, file: database.path)
    let now = effects.at
    let appended = try await database.write(cost: effects.footprint) { [state] in
      try state.carryOut(stored, at: now, $0)
    }
    grew(by: effects.footprint)
    state.sign(for: effects)
    return appended
  }

  public var guarantees: Set<LogGuarantee> { [.effectsWithAcknowledgement] }

  public func event(at offset: EventOffset) async throws(Problem) -> Event? {
    try await database.read { try EventReader(database: $0).event(at: offset) }
  }

  public func status(of offset: EventOffset) async throws(Problem) -> EventStatus? {
    try await database.read { try EventReader(database: $0).status(of: offset) }
  }

  /// Fewer than `limit` when their data is long: at most 64 MiB together, or one letter.
  public func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter] {
    try await database.read { try EventReader(database: $0).deadLetters(from: id, limit: limit) }
  }

  public func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter? {
    try await database.read { try EventReader(database: $0).deadLetter(id) }
  }

  public func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool {
    try await database.write { try EventWriter(database: $0).dropDeadLetter(id) }
  }

  public func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery? {
    try await database.write { try EventWriter(database: $0).replayDeadLetter(id) }
  }

  public func close() async throws(Problem) {
    state.finish()
    try await database.close()
  }

  /// Trims when it is due. Nobody waits for it, and when it fails the next one does its work.
  private func grew(by bytes: ByteCount) {
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
    database.writeLater { [keptEvents, keptBytes] in
      try EventWriter(database: $0).trim(
        keepingEvents: keptEvents, bytes: keptBytes, limit: Self.trimSize)
    }
  }
}
