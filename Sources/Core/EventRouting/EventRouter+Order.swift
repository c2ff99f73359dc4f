public import ClusterModel
import DequeModule
import EventPatterns

// Deliveries that must stay in order.
extension EventRouter {
  /// Whose deliveries with which key.
  struct OrderedLane: Hashable, Sendable {
    let module: QualifiedName
    let key: OrderKey
  }

  /// Gives a new delivery its place among those with the same key, also one that is put aside at once: it
  /// has not ended until that is durable.
  ///
  /// - Returns: whether it need not wait for another.
  mutating func takePlace(_ id: DeliveryID) -> Bool {
    guard let lane = orderedLane(of: id) else { return true }
    guard ordered[lane] == nil else {
      ordered[lane]?.hold(id)
      return false
    }
    ordered[lane] = OrderedDeliveries(first: id)
    return true
  }

  /// A delivery is done or dead: the next one with its key may go.
  mutating func release(_ delivery: Delivery) {
    guard let key = delivery.orderKey else { return }
    let lane = OrderedLane(module: delivery.module, key: key)
    // One that ended while it was held leaves the first one where it is.
    guard ordered[lane]?.first == delivery.id else { return }
    while let next = ordered[lane]?.held.popFirst() {
      guard let state = deliveries[next]?.state else { continue }
      ordered[lane]?.first = next
      // One that was put aside while it was held is waited for, until that is durable.
      if case .held = state { enqueue(next) }
      return
    }
    ordered[lane] = nil
  }

  private func orderedLane(of id: DeliveryID) -> OrderedLane? {
    guard let delivery = deliveries[id] else { return nil }
    return delivery.orderKey.map { OrderedLane(module: delivery.module, key: $0) }
  }

  /// The keys of the modules that want an event in order.
  public func orderKeys(
    of event: Event, data: JSONValue?, for targets: [ModuleName]
  ) -> [ModuleName: OrderKey] {
    guard !orderedTriggers.isEmpty else { return [:] }
    var keys: [ModuleName: OrderKey] = [:]
    for target in targets {
      let triggers = orderedTriggers[QualifiedName(event.namespace, target)] ?? []
      // The first that wants it says so.
      keys[target] =
        triggers.lazy.filter { $0.wants(event, data: data) }
        .compactMap { $0.orderBy?.key(of: event, data: data) }.first
    }
    return keys
  }

  /// Whether a key could be in the data of events of a topic.
  func orderNeedsData(for topic: Topic, in namespace: Namespace) -> Bool {
    orderedTriggers.contains { name, triggers in
      name.namespace == namespace
        && triggers.contains { $0.orderBy?.usesData == true && $0.topic.matches(topic) }
    }
  }

  /// The triggers that keep an order, of those modules that have any.
  static func orderedTriggers(
    of deployments: some Sequence<RoutedDeployment>
  ) -> [QualifiedName: [Trigger]] {
    var found: [QualifiedName: [Trigger]] = [:]
    for deployment in deployments {
      let triggers = deployment.configuration.triggers.filter { $0.orderBy != nil }
      if !triggers.isEmpty { found[deployment.name] = triggers }
    }
    return found
  }
}

extension Trigger {
  func wants(_ event: Event, data: JSONValue?) -> Bool {
    topic.matches(event.topic) && (pattern?.matches(event, data: data) ?? true)
  }
}
