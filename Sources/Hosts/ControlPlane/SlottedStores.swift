import ClusterModel
public import HostPorts
import SupervisionRuntime

/// The catalog and the blobs, as one service owns them.
struct Registry: Sendable {
  let catalog: any RegistryStore
  let blobs: any BlobStore
}

/// The event log and state, which lie in one file so that they can be changed in one transaction.
public struct EventStores: Sendable {
  public let log: any EventLog
  public let state: any StateStore

  public init(log: any EventLog, state: any StateStore) {
    self.log = log
    self.state = state
  }
}

extension ResourceSlot {
  /// Uses the resource. A store that cannot be used any more is opened afresh; one that is full, busy or
  /// damaged would not be better for that.
  func use<Value: Sendable>(
    _ body: @Sendable (Resource) async throws(Problem) -> Value
  ) async throws(Problem) -> Value {
    while true {
      let resource = try await borrow()
      do throws(Problem) {
        return try await body(resource)
      } catch {
        // Closed between borrowing and using it: nothing was done, and a new one is on its way.
        if error.code == "store_closed", !Task.isCancelled { continue }
        if error.code == "data_failed" { reportBroken(error) }
        throw error
      }
    }
  }
}

/// The catalog behind a slot: it waits while its owner is being restarted.
struct SlottedCatalog: CatalogStore {
  let slot: ResourceSlot<Registry>

  func load() async throws(Problem) -> CatalogSnapshot {
    try await slot.use { (stores) async throws(Problem) in try await stores.catalog.load() }
  }
  func persist(_ changes: [CatalogChange]) async throws(Problem) {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.catalog.persist(changes)
    }
  }
  func securityEvents(
    from sequence: Int64, limit: Int
  ) async throws(Problem) -> [SequencedSecurityEvent] {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.catalog.securityEvents(from: sequence, limit: limit)
    }
  }
  /// Its owner closes it.
  func close() async throws(Problem) {}
}

/// Tokens and joined nodes behind a slot.
struct SlottedAccess: AccessStore {
  let slot: ResourceSlot<Registry>

  func access(of node: NodeID?) async throws(Problem) -> AccessSnapshot {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.catalog.access(of: node)
    }
  }
  func changeAccess(
    of node: NodeID?,
    _ decide: @escaping @Sendable (AccessSnapshot) throws(Problem) -> [AccessChange]
  ) async throws(Problem) -> [AccessChange] {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.catalog.changeAccess(of: node, decide)
    }
  }
}

/// The blobs behind a slot.
struct SlottedBlobs: BlobStore {
  let slot: ResourceSlot<Registry>

  func put(_ bytes: [UInt8], digest: ModuleDigest) async throws(Problem) {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.blobs.put(bytes, digest: digest)
    }
  }
  func get(_ digest: ModuleDigest) async throws(Problem) -> [UInt8] {
    try await slot.use { (stores) async throws(Problem) in try await stores.blobs.get(digest) }
  }
}

/// The event log behind a slot. What makes it grow finds room first.
struct SlottedLog: EventLog {
  let slot: ResourceSlot<EventStores>
  let room: any DataRoom
  /// What a delivery takes beside its event, about: its row, and those of the indexes.
  private static let deliverySize = 256

  var capabilities: EventLogCapabilities {
    get async throws(Problem) {
      try await slot.use { (stores) async throws(Problem) in try await stores.log.capabilities }
    }
  }
  var damage: EventLogDamage {
    get async throws(Problem) {
      try await slot.use { (stores) async throws(Problem) in try await stores.log.damage }
    }
  }

  func pendingDeliveries() async throws(Problem) -> [PendingDelivery] {
    try await slot.use { (stores) async throws(Problem) in try await stores.log.pendingDeliveries()
    }
  }
  func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent {
    try take(event)
    return try await slot.use { (stores) async throws(Problem) in try await stores.log.append(event)
    }
  }
  /// Those that there is no room for are left out, and the others are appended together.
  func append(_ events: [AcceptedEvent]) async -> [Result<AppendedEvent, Problem>] {
    var refusals: [Problem?] = []
    var broken = BrokenSeries()
    for event in events {
      do throws(Problem) {
        if let problem = broken.problem(of: event) { throw problem }
        try take(event)
        refusals.append(nil)
      } catch {
        broken.broke(at: event, error)
        refusals.append(error)
      }
    }
    let taken = zip(events, refusals).filter { $0.1 == nil }.map(\.0)
    var results: ArraySlice<Result<AppendedEvent, Problem>>
    do throws(Problem) {
      results = try await slot.use { stores in await stores.log.append(taken) }[...]
    } catch {
      results = taken.map { _ in .failure(error) }[...]
    }
    return refusals.map { refusal in
      if let refusal { return .failure(refusal) }
      return results.removeFirst()
    }
  }
  private func take(_ event: AcceptedEvent) throws(Problem) {
    try room.take(
      ByteCount(
        bytes: event.event.footprint.bytes + Self.deliverySize * event.targets.count), for: .event)
  }
  func record(_ change: DeliveryChange) async throws(Problem) -> [AppendedEvent] {
    if case .succeeded(_, let effects) = change.outcome { try take(effects) }
    return try await slot.use { (stores) async throws(Problem) in
      try await stores.log.record(change)
    }
  }
  /// An acknowledgement alone needs no room.
  private func take(_ effects: CommittedEffects) throws(Problem) {
    guard effects.footprint.bytes > 0 else { return }
    try room.take(effects.footprint, for: .effects)
  }
  func commit(_ effects: CommittedEffects) async throws(Problem) -> [AppendedEvent] {
    try take(effects)
    return try await slot.use { (stores) async throws(Problem) in
      try await stores.log.commit(effects)
    }
  }
  func event(at offset: EventOffset) async throws(Problem) -> Event? {
    try await slot.use { (stores) async throws(Problem) in try await stores.log.event(at: offset) }
  }
  func status(of offset: EventOffset) async throws(Problem) -> EventStatus? {
    try await slot.use { (stores) async throws(Problem) in try await stores.log.status(of: offset) }
  }
  func newestOffset() async throws(Problem) -> EventOffset {
    try await slot.use { (stores) async throws(Problem) in try await stores.log.newestOffset() }
  }
  func events(from offset: EventOffset, limit: Int) async throws(Problem) -> EventPage {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.log.events(from: offset, limit: limit)
    }
  }
  func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter] {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.log.deadLetters(from: id, limit: limit)
    }
  }
  func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter? {
    try await slot.use { (stores) async throws(Problem) in try await stores.log.deadLetter(id) }
  }
  func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool {
    try await slot.use { (stores) async throws(Problem) in try await stores.log.dropDeadLetter(id) }
  }
  func firstOffset(since time: WallInstant) async throws(Problem) -> EventOffset? {
    try await slot.use { (stores) async throws(Problem) in
      try await stores.log.firstOffset(since: time)
    }
  }
  func deliverAgain(_ events: [Redelivery]) async throws(Problem) -> [PendingDelivery] {
    try room.take(ByteCount(bytes: Self.deliverySize * events.count), for: .event)
    return try await slot.use { (stores) async throws(Problem) in
      try await stores.log.deliverAgain(events)
    }
  }
  func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery? {
    try await slot.use { (stores) async throws(Problem) in try await stores.log.replayDeadLetter(id)
    }
  }
  /// Its owner closes it.
  func close() async throws(Problem) {}
}
