import ClusterModel

// Results that become events.
extension EventRouter {
  /// The event that a result becomes; nothing when nobody asked for it or there is none.
  func published(
    _ output: [UInt8], _ data: JSONValue?, of event: Event, _ delivery: Delivery, _ now: Instants
  ) -> Result<AcceptedEvent?, ActivationFailure> {
    guard let topic = deployments[delivery.module]?.configuration.resultTopic, !output.isEmpty
    else { return .success(nil) }
    guard output.count <= EventRules.maximumData.bytes else {
      return .failure(
        ActivationFailure(
          code: .outputLimit,
          message: "a result of more than \(EventRules.maximumData) cannot be published"))
    }
    let given = event.attribute(PlatformAttribute.hops).flatMap { Int($0) } ?? 0
    guard given < limits.hops else {
      return .failure(
        ActivationFailure(
          code: .loopDetected,
          message: "the event came of \(limits.hops) results of results: modules call each other"))
    }
    let module = delivery.module
    var result = Event(
      id: Self.resultID(of: event, delivery.id),
      source: "/namespaces/\(module.namespace)/modules/\(module.name)", type: topic.text,
      topic: topic, namespace: module.namespace, time: now.wall, data: output)
    result.setAttribute(PlatformAttribute.hops, to: String(max(given, 0) + 1))
    result.setAttribute(PlatformAttribute.cause, to: event.id)
    for name in [
      PlatformAttribute.traceParent, PlatformAttribute.traceState, PlatformAttribute.lifecycle,
    ] {
      result.setAttribute(name, to: event.attribute(name))
    }
    let accepted = accepted(
      result, data, by: Principal(kind: .module, name: module.description), now)
    guard hasRoom(forResult: accepted) else {
      return .failure(
        ActivationFailure(code: .overloaded, message: "too many events wait to be delivered"))
    }
    return .success(accepted)
  }

  /// Results are taken in beyond the bounds that publishers meet, or work could not get done; but not
  /// without any bound.
  private func hasRoom(forResult accepted: AcceptedEvent) -> Bool {
    let count = accepted.targets.count
    let bytes = accepted.event.footprint.bytes * count
    return pendingCount + count <= 2 * limits.pendingDeliveries
      && pendingBytes + bytes <= 2 * limits.pendingBytes.bytes
  }

  /// The same delivery makes the same id however often it is tried, so that a result that was
  /// published is known again. The number alone makes it unique here; the cause's id, as much of it
  /// as fits, also where another cluster counts from 1.
  private static func resultID(of event: Event, _ delivery: DeliveryID) -> String {
    var id = "\(delivery)-\(event.id)"
    while id.utf8.count > EventRules.maximumAttributeLength { id.removeLast() }
    return id
  }
}
