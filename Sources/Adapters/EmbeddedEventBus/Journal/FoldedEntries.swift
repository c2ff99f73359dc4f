import ClusterModel

/// What entries of the journal make of the tables: each row once, as it is after all of them, and what becomes of
/// rows that are there already. A value: nothing is read or written.
struct FoldedEntries {
  private(set) var events: [NumberedEvent] = []
  /// In the order of their ids.
  private(set) var deliveries: [StoredDelivery] = []
  private(set) var publishes: [EventIdentities.Publish] = []
  /// Of deliveries that are none of these.
  private(set) var changes: [StoredChange] = []

  init() {}

  init(_ entry: LogEntry) throws { try add(entry) }

  /// Takes in what came after all before.
  mutating func add(_ entry: LogEntry) throws {
    if let change = entry.change {
      if let index = index(of: change.delivery) {
        _ = try deliveries[index].apply(change)
      } else {
        changes.append(change)
      }
    }
    for event in entry.events { add(event) }
  }

  mutating func add(_ numbered: NumberedEvent) {
    let event = numbered.event
    events.append(numbered)
    for (target, id) in zip(event.targets, numbered.deliveries) {
      deliveries.append(
        StoredDelivery(
          id, of: numbered.offset, event.footprint, to: QualifiedName(event.namespace, target),
          orderKey: event.orderKeys[target]))
    }
    if let number = numbered.identityNumber {
      publishes.append(
        EventIdentities.Publish(
          number: number, offset: numbered.offset, acceptedAt: event.acceptedAt,
          identity: event.identity))
    }
  }

  private func index(of id: DeliveryID) -> Int? {
    var (low, high) = (0, deliveries.count)
    while low < high {
      let middle = (low + high) / 2
      if deliveries[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < deliveries.count && deliveries[low].id == id ? low : nil
  }

  /// An event that nothing keeps, and the bytes that it and the results of its deliveries take.
  struct Settled {
    let offset: EventOffset
    let bytes: Int
  }

  /// Those events that are owed to nobody and that no dead letter needs.
  var settled: [Settled] {
    var settled: [Settled] = []
    var next = deliveries.startIndex
    for event in events {
      var bytes = event.event.footprint.bytes
      var isKept = false
      for delivery in deliveries[next..<next + event.event.targets.count] {
        isKept = isKept || delivery.isKeeping
        bytes += delivery.resultBytes
      }
      next += event.event.targets.count
      if !isKept { settled.append(Settled(offset: event.offset, bytes: bytes)) }
    }
    return settled
  }
}

extension StoredDelivery {
  /// Whether its event has to stay for it.
  fileprivate var isKeeping: Bool { state == .pending || state == .dead }

  fileprivate var resultBytes: Int { (output?.count ?? 0) + history.utf8.count }
}
