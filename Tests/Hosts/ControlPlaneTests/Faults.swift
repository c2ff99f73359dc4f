import ClusterModel
import HostPorts
import Synchronization

/// Which operations of the stores fail, and how often.
final class Faults: Sendable {
  enum Operation { case append, record, persist, deadLetters, openCatalog }

  static let problem = Problem(.unavailable, code: "disk_full", "no room")
  private let left = Mutex<[Operation: Int]>([:])

  func fail(_ operation: Operation, times: Int) { left.withLock { $0[operation] = times } }

  func left(of operation: Operation) -> Int { left.withLock { $0[operation] ?? 0 } }

  func check(_ operation: Operation) throws(Problem) {
    let fails = left.withLock { left in
      guard let count = left[operation], count > 0 else { return false }
      left[operation] = count - 1
      return true
    }
    if fails { throw Self.problem }
  }
}

struct FaultyCatalog: RegistryStore {
  let store: any RegistryStore
  let faults: Faults

  func load() async throws(Problem) -> CatalogSnapshot { try await store.load() }
  func persist(_ changes: [CatalogChange]) async throws(Problem) {
    try faults.check(.persist)
    try await store.persist(changes)
  }
  func securityEvents(
    from sequence: Int64, limit: Int
  ) async throws(Problem) -> [SequencedSecurityEvent] {
    try await store.securityEvents(from: sequence, limit: limit)
  }
  func access(of node: NodeID?) async throws(Problem) -> AccessSnapshot {
    try await store.access(of: node)
  }
  func changeAccess(
    of node: NodeID?,
    _ decide: @escaping @Sendable (AccessSnapshot) throws(Problem) -> [AccessChange]
  ) async throws(Problem) -> [AccessChange] {
    try await store.changeAccess(of: node, decide)
  }
  func close() async throws(Problem) { try await store.close() }
}

struct FaultyLog: EventLog {
  let log: any EventLog
  let faults: Faults

  var capabilities: EventLogCapabilities {
    get async throws(Problem) { try await log.capabilities }
  }
  var damage: EventLogDamage { get async throws(Problem) { try await log.damage } }

  func pendingDeliveries() async throws(Problem) -> [PendingDelivery] {
    try await log.pendingDeliveries()
  }
  func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent {
    try faults.check(.append)
    return try await log.append(event)
  }
  func append(_ events: [AcceptedEvent]) async -> [Result<AppendedEvent, Problem>] {
    do throws(Problem) {
      try faults.check(.append)
    } catch {
      return events.map { _ in .failure(error) }
    }
    return await log.append(events)
  }
  func record(_ change: DeliveryChange) async throws(Problem) -> [AppendedEvent] {
    try faults.check(.record)
    return try await log.record(change)
  }
  func commit(_ effects: CommittedEffects) async throws(Problem) -> [AppendedEvent] {
    try faults.check(.record)
    return try await log.commit(effects)
  }
  func event(at offset: EventOffset) async throws(Problem) -> Event? {
    try await log.event(at: offset)
  }
  func status(of offset: EventOffset) async throws(Problem) -> EventStatus? {
    try await log.status(of: offset)
  }
  func newestOffset() async throws(Problem) -> EventOffset { try await log.newestOffset() }
  func events(from offset: EventOffset, limit: Int) async throws(Problem) -> EventPage {
    try await log.events(from: offset, limit: limit)
  }
  func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter] {
    try faults.check(.deadLetters)
    return try await log.deadLetters(from: id, limit: limit)
  }
  func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter? {
    try await log.deadLetter(id)
  }
  func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool {
    try await log.dropDeadLetter(id)
  }
  func firstOffset(since time: WallInstant) async throws(Problem) -> EventOffset? {
    try await log.firstOffset(since: time)
  }
  func deliverAgain(_ events: [Redelivery]) async throws(Problem) -> [PendingDelivery] {
    try await log.deliverAgain(events)
  }
  func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery? {
    try await log.replayDeadLetter(id)
  }
  func close() async throws(Problem) { try await log.close() }
}
