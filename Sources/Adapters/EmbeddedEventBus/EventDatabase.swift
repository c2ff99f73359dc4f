public import ClusterModel
public import DurableSQLite
public import HostPorts
import Synchronization

/// The event log in `events.sqlite`: accepted events, and what became of each delivery.
public final class EventDatabase: EventLog {
  private let database: DurableDatabase
  private let keptEvents: Int
  private let keptBytes: Int
  private let appendsSinceTrim = Atomic<Int>(0)

  /// Settled events that are kept for whoever asks what became of them: minutes of a busy machine.
  public static let defaultKeptEvents = 10_000
  public static let defaultKeptBytes = ByteCount.mebibytes(256)
  /// Trimming looks at every settled event that is kept, so it is done now and then.
  private static let appendsBetweenTrims = 1000

  /// - Parameters:
  ///   - keptEvents: settled events to keep at most (about; trimming is done now and then).
  ///   - keptBytes: bytes of settled events to keep at most (about).
  public init(
    in folder: DataFolder, keptEvents: Int = defaultKeptEvents,
    keptBytes: ByteCount = defaultKeptBytes
  ) throws(Problem) {
    self.keptEvents = keptEvents
    self.keptBytes = keptBytes.bytes
    database = try DurableDatabase(
      path: folder.path + "/events.sqlite", migrator: EventTables.migrator)
  }

  /// How many transactions made what was written durable.
  public var commits: Int { database.commits }

  public func pendingDeliveries() async throws(Problem) -> [PendingDelivery] {
    try await database.read { try EventReader(database: $0).pendingDeliveries() }
  }

  public func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent {
    let trims = isTrimDue()
    return try await database.write { database in
      let writer = EventWriter(database: database)
      let appended = try writer.append(event)
      if trims { try self.trim(writer) }
      return appended
    }
  }

  public func record(_ change: DeliveryChange) async throws(Problem) -> AppendedEvent? {
    let trims = isTrimDue()
    return try await database.write { database in
      let writer = EventWriter(database: database)
      let appended = try writer.record(change)
      if trims { try self.trim(writer) }
      return appended
    }
  }

  public func event(at offset: EventOffset) async throws(Problem) -> Event? {
    try await database.read { try EventReader(database: $0).event(at: offset) }
  }

  public func status(of offset: EventOffset) async throws(Problem) -> EventStatus? {
    try await database.read { try EventReader(database: $0).status(of: offset) }
  }

  public func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter] {
    try await database.read { try EventReader(database: $0).deadLetters(from: id, limit: limit) }
  }

  public func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter? {
    try await database.read {
      try EventReader(database: $0).deadLetters(from: id, limit: 1, single: true).first
    }
  }

  public func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool {
    try await database.write { try EventWriter(database: $0).dropDeadLetter(id) }
  }

  public func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery? {
    try await database.write { try EventWriter(database: $0).replayDeadLetter(id) }
  }

  public func close() async throws(Problem) { try database.close() }

  private func isTrimDue() -> Bool {
    let count = appendsSinceTrim.add(1, ordering: .relaxed).newValue
    return count % Self.appendsBetweenTrims == 0
  }

  private func trim(_ writer: EventWriter) throws {
    try writer.trim(keepingEvents: keptEvents, bytes: keptBytes)
  }
}
