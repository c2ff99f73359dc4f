import ClusterModel

/// What must be known to decide about a publish or an outcome without asking the tables: which numbers come
/// next, what is owed, and who published what lately. A value: the same steps give the same decisions.
struct LogIndex {
  private(set) var nextOffset: Int64
  private(set) var nextDelivery: Int64
  /// Deliveries that are neither done nor dead.
  private(set) var pending: Set<DeliveryID>
  /// `nil` when every publish is taken for a new one.
  private(set) var identities: RecentIdentities?

  init(
    nextOffset: Int64, nextDelivery: Int64, pending: Set<DeliveryID>,
    identities: RecentIdentities?
  ) {
    self.nextOffset = nextOffset
    self.nextDelivery = nextDelivery
    self.pending = pending
    self.identities = identities
  }

  enum Publish {
    case new(NumberedEvent)
    /// It is there already.
    case repeated(EventOffset)
  }

  /// Somebody publishes, perhaps for the second time.
  mutating func publish(_ event: StoredEvent) -> Publish {
    if let offset = identities?.offset(of: event.identity, at: event.acceptedAt) {
      return .repeated(offset)
    }
    let number = identities?.remember(
      event.identity, EventOffset(nextOffset), at: event.acceptedAt)
    return .new(append(event, identityNumber: number))
  }

  /// An event that comes of something else.
  mutating func append(_ event: StoredEvent) -> NumberedEvent {
    append(event, identityNumber: nil)
  }

  private mutating func append(_ event: StoredEvent, identityNumber: Int64?) -> NumberedEvent {
    let numbered = NumberedEvent(
      offset: EventOffset(nextOffset), firstDelivery: nextDelivery,
      identityNumber: identityNumber, event: event)
    nextOffset += 1
    nextDelivery += Int64(event.targets.count)
    for delivery in numbered.deliveries { pending.insert(delivery) }
    return numbered
  }

  /// - Returns: what is to be written; `nil` when the delivery is not pending any more.
  mutating func record(_ change: StoredChange, publishing events: [StoredEvent]) -> LogEntry? {
    guard pending.contains(change.delivery) else { return nil }
    if case .failed = change.outcome { return LogEntry(change: change, events: []) }
    pending.remove(change.delivery)
    return LogEntry(change: change, events: events.map { append($0) })
  }

  /// What a transaction did beside the journal.
  mutating func take(_ changes: LogChanges) {
    nextOffset = max(nextOffset, changes.nextOffset)
    nextDelivery = max(nextDelivery, changes.nextDelivery)
    pending.formUnion(changes.owed)
    pending.subtract(changes.settled)
  }
}

/// What a transaction did to the tables of the event log that is in no journal.
struct LogChanges: Sendable {
  /// At least these come next.
  private(set) var nextOffset: Int64 = 0
  private(set) var nextDelivery: Int64 = 0
  private(set) var owed: Set<DeliveryID> = []
  private(set) var settled: Set<DeliveryID> = []

  mutating func appended(_ event: NumberedEvent) {
    nextOffset = event.offset.number + 1
    for delivery in event.deliveries { owes(delivery) }
  }

  mutating func owes(_ delivery: DeliveryID) {
    nextDelivery = max(nextDelivery, delivery.number + 1)
    owed.insert(delivery)
    settled.remove(delivery)
  }

  mutating func settled(_ delivery: DeliveryID) {
    settled.insert(delivery)
    owed.remove(delivery)
  }
}
