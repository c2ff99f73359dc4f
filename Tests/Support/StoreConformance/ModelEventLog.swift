import ClusterModel
import HostPorts

/// What an event log is, said as simply as it can be: two lists in memory.
struct ModelEventLog {
  private struct Delivery {
    var id: DeliveryID
    var offset: EventOffset
    var namespace: Namespace
    var module: ModuleName
    var footprint: ByteCount
    var orderKey: OrderKey?
    var state = EventStatus.State.pending
    var attempts = 0
    var output: [UInt8] = []
    var history: [FailedAttempt] = []
    var diedAt: WallInstant?
  }

  let capabilities: EventLogCapabilities
  var now = WallInstant(microseconds: 1_700_000_000_000_000)
  private var events: [AcceptedEvent] = []
  /// Every publish that was new, oldest first.
  private var publishes: [(event: AcceptedEvent, offset: EventOffset)] = []
  private var deliveries: [Delivery] = []

  init(_ capabilities: EventLogCapabilities) { self.capabilities = capabilities }

  var nextOffset: Int64 { Int64(events.count) + 1 }

  /// One of the deliveries, or an id that there is not.
  func delivery(_ choice: Int) -> DeliveryID {
    DeliveryID(Int64(choice % (deliveries.count + 1)) + 1)
  }

  func attempts(_ id: DeliveryID) -> Int {
    deliveries.first { $0.id == id }?.attempts ?? 0
  }

  /// A publish, which may be one that was there before.
  mutating func publish(_ event: AcceptedEvent) -> AppendedEvent {
    if let first = first(like: event) {
      return AppendedEvent(offset: first, deliveries: [], isDuplicate: true)
    }
    let appended = append(event)
    publishes.append((event, appended.offset))
    return appended
  }

  private func first(like event: AcceptedEvent) -> EventOffset? {
    guard let window = capabilities.deduplication else { return nil }
    return publishes.suffix(window.count).last {
      $0.event.event.id == event.event.id && $0.event.event.source == event.event.source
        && $0.event.event.namespace == event.event.namespace
        && event.acceptedAt < $0.event.acceptedAt + window.duration
    }?.offset
  }

  private mutating func append(_ event: AcceptedEvent) -> AppendedEvent {
    let offset = EventOffset(nextOffset)
    events.append(event)
    return AppendedEvent(
      offset: offset, deliveries: owe(event, at: offset, to: event.targets, event.orderKeys))
  }

  private mutating func owe(
    _ event: AcceptedEvent, at offset: EventOffset, to targets: [ModuleName],
    _ keys: [ModuleName: OrderKey]
  ) -> [DeliveryID] {
    targets.map { module in
      let id = DeliveryID(Int64(deliveries.count) + 1)
      deliveries.append(
        Delivery(
          id: id, offset: offset, namespace: event.event.namespace, module: module,
          footprint: event.event.footprint, orderKey: keys[module]))
      return id
    }
  }

  mutating func deliverAgain(_ redelivery: Redelivery) -> [PendingDelivery] {
    guard let event = event(at: redelivery.offset) else { return [] }
    let ids = owe(
      event, at: redelivery.offset, to: redelivery.targets, redelivery.orderKeys)
    return deliveries.filter { ids.contains($0.id) }.map { pending($0) }
  }

  func firstOffset(since time: WallInstant) -> EventOffset? {
    events.firstIndex { $0.acceptedAt >= time }.map { EventOffset(Int64($0) + 1) }
  }

  mutating func record(_ change: DeliveryChange) -> AppendedEvent? {
    guard let index = index(change.delivery, in: .pending) else { return nil }
    switch change.outcome {
    case .succeeded(let output, let published):
      deliveries[index].state = .succeeded
      deliveries[index].output = output
      deliveries[index].attempts = change.attempt
      return published.map { append($0) }
    case .failed(let failure):
      guard change.attempt > deliveries[index].attempts else { return nil }
      fail(index, change, failure)
    case .dead(let failure):
      fail(index, change, failure)
      deliveries[index].state = .dead
      deliveries[index].diedAt = change.at
    }
    return nil
  }

  private mutating func fail(
    _ index: Int, _ change: DeliveryChange, _ failure: ActivationFailure
  ) {
    deliveries[index].attempts = change.attempt
    deliveries[index].history.append(
      FailedAttempt(attempt: change.attempt, at: change.at, failure: failure))
    if deliveries[index].history.count > 20 { deliveries[index].history.removeFirst() }
  }

  mutating func replay(_ id: DeliveryID) -> PendingDelivery? {
    guard let index = index(id, in: .dead) else { return nil }
    deliveries[index].state = .pending
    deliveries[index].attempts = 0
    return pending(deliveries[index])
  }

  mutating func drop(_ id: DeliveryID) -> Bool {
    guard let index = index(id, in: .dead) else { return false }
    deliveries[index].state = .dropped
    return true
  }

  private func index(_ id: DeliveryID, in state: EventStatus.State) -> Int? {
    deliveries.firstIndex { $0.id == id && $0.state == state }
  }

  func pendingDeliveries() -> [PendingDelivery] {
    deliveries.filter { $0.state == .pending }.map { pending($0) }
  }

  private func pending(_ delivery: Delivery) -> PendingDelivery {
    PendingDelivery(
      id: delivery.id, offset: delivery.offset, namespace: delivery.namespace,
      module: delivery.module, failedAttempts: delivery.attempts, footprint: delivery.footprint,
      orderKey: delivery.orderKey)
  }

  func deadLetters() -> [DeadLetter] {
    deliveries.filter { $0.state == .dead }.compactMap { delivery in
      guard let event = event(at: delivery.offset), let diedAt = delivery.diedAt else { return nil }
      return DeadLetter(
        id: delivery.id, offset: delivery.offset, module: delivery.module, event: event.event,
        diedAt: diedAt, history: delivery.history)
    }
  }

  func events(from offset: EventOffset, limit: Int) -> EventPage {
    var page = EventPage(events: [], next: offset)
    while page.events.count < limit, let event = event(at: page.next) {
      page.events.append(
        LoggedEvent(offset: page.next, acceptedAt: event.acceptedAt, event: event.event))
      page.next = EventOffset(page.next.number + 1)
    }
    return page
  }

  func status(of offset: EventOffset) -> EventStatus? {
    guard let event = event(at: offset) else { return nil }
    return EventStatus(
      offset: offset, event: event.event, acceptedAt: event.acceptedAt,
      deliveries: deliveries.filter { $0.offset == offset }.map { delivery in
        EventStatus.Delivery(
          id: delivery.id, module: delivery.module, state: delivery.state,
          attempts: delivery.attempts, output: delivery.output, outputTruncated: false,
          failure: delivery.history.last?.failure)
      })
  }

  private func event(at offset: EventOffset) -> AcceptedEvent? {
    events.indices.contains(Int(offset.number) - 1) ? events[Int(offset.number) - 1] : nil
  }
}
