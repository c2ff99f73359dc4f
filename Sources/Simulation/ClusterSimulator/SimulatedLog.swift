import ClusterModel

/// The event log as its port has it, with the state beside it: what belongs to one change happens together.
struct SimulatedLog {
  enum End { case done, dead }

  private(set) var events: [EventOffset: Event] = [:]
  /// What is owed, with the attempts that failed.
  private(set) var pending: [DeliveryID: PendingDelivery] = [:]
  /// Everything that was ever owed.
  private(set) var all: [DeliveryID: PendingDelivery] = [:]
  private(set) var ends: [DeliveryID: End] = [:]
  private(set) var done = 0
  private(set) var dead = 0
  /// What activations added up.
  private(set) var counters: [StateKey: Int] = [:]
  /// Where each event was put that was published from outside. A simulated world is over long before one
  /// would be forgotten.
  private(set) var identities: [EventIdentity: EventOffset] = [:]
  private var lastOffset: Int64 = 0
  private var lastDelivery: Int64 = 0

  /// What was published from outside: nothing happens when it was there before.
  mutating func append(_ accepted: AcceptedEvent) -> AppendedEvent {
    let identity = EventIdentity(accepted.event)
    if let offset = identities[identity] {
      return AppendedEvent(offset: offset, deliveries: [], isDuplicate: true)
    }
    let appended = put(accepted)
    identities[identity] = appended.offset
    return appended
  }

  private mutating func put(_ accepted: AcceptedEvent) -> AppendedEvent {
    lastOffset += 1
    let offset = EventOffset(lastOffset)
    events[offset] = accepted.event
    var ids: [DeliveryID] = []
    for target in accepted.targets {
      lastDelivery += 1
      let id = DeliveryID(lastDelivery)
      ids.append(id)
      let delivery = PendingDelivery(
        id: id, offset: offset, namespace: accepted.event.namespace, module: target,
        failedAttempts: 0, footprint: accepted.event.footprint,
        orderKey: accepted.orderKeys[target])
      pending[id] = delivery
      all[id] = delivery
    }
    return AppendedEvent(offset: offset, deliveries: ids)
  }

  /// - Returns: the events that came of it.
  mutating func record(_ change: DeliveryChange) -> [AppendedEvent] {
    // Recorded before, with all that it did.
    guard pending[change.delivery] != nil else { return [] }
    switch change.outcome {
    case .failed:
      pending[change.delivery]?.failedAttempts = change.attempt
      return []
    case .dead:
      end(change.delivery, .dead)
      dead += 1
      return []
    case .succeeded(_, let effects):
      end(change.delivery, .done)
      done += 1
      return commit(effects)
    }
  }

  /// - Returns: the events that came of it.
  mutating func commit(_ effects: CommittedEffects) -> [AppendedEvent] {
    for write in effects.writes {
      if case .merge(.add, _) = write.action { counters[write.key, default: 0] += 1 }
    }
    return effects.events.map { put($0) }
  }

  private mutating func end(_ id: DeliveryID, _ end: End) {
    pending[id] = nil
    ends[id] = end
  }

  var owed: [PendingDelivery] { pending.keys.sorted().compactMap { pending[$0] } }
}

/// What names an event that is published.
struct EventIdentity: Hashable {
  let source: String
  let id: String

  init(_ event: Event) {
    source = event.source
    id = event.id
  }
}
