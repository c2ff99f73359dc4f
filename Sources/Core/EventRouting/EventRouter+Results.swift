public import ClusterModel

// Results that become events.
extension EventRouter {
  /// The events that come of an activation, in their order: what the guest published, and its result
  /// when somebody asked for that and there is one.
  mutating func published(
    _ output: [UInt8], _ data: JSONValue?, _ offered: OfferedEffects, of event: Event,
    _ delivery: Delivery, _ now: Instants
  ) -> Result<[AcceptedEvent], ActivationFailure> {
    let id = Self.resultID(of: event, delivery.id)
    var all = zipped(offered)
    if let topic = deployments[delivery.module]?.configuration.resultTopic, !output.isEmpty {
      all.append((GuestPublish(topic: topic, data: output), data))
    }
    let effects = offered.effects.published.count
    return accepted(all, of: event, by: delivery.module, now) { index in
      index < effects ? Self.fitting("\(delivery.id).\(index + 1)-\(event.id)") : id
    }
  }

  private func zipped(_ offered: OfferedEffects) -> [(GuestPublish, JSONValue?)] {
    offered.effects.published.enumerated().map { index, event in
      (event, index < offered.data.count ? offered.data[index] : nil)
    }
  }

  /// What a module publishes, with whom it goes to; refused when it is too much or goes in circles.
  private mutating func accepted(
    _ published: [(GuestPublish, JSONValue?)], of cause: Event, by module: QualifiedName,
    _ now: Instants, id: (Int) -> String
  ) -> Result<[AcceptedEvent], ActivationFailure> {
    guard !published.isEmpty else { return .success([]) }
    guard published.allSatisfy({ $0.0.data.count <= EventRules.maximumData.bytes }) else {
      return .failure(
        ActivationFailure(
          code: .outputLimit,
          message: "a result of more than \(EventRules.maximumData) cannot be published"))
    }
    guard Self.hops(of: cause) < limits.hops else {
      return .failure(
        ActivationFailure(
          code: .loopDetected,
          message: "the event came of \(limits.hops) results of results: modules call each other"))
    }
    var accepted: [AcceptedEvent] = []
    for (index, published) in published.enumerated() {
      let event = Self.event(
        published.0, of: cause, by: module, at: now.wall, id: id(index))
      accepted.append(
        self.accepted(
          event, published.1, by: Principal(kind: .module, name: module.description), now))
    }
    guard hasRoom(forResults: accepted) else {
      return .failure(
        ActivationFailure(code: .overloaded, message: "too many events wait to be delivered"))
    }
    return .success(accepted)
  }

  /// How many results lie between an event and the one that began the chain.
  public static func hops(of event: Event) -> Int {
    max(event.attribute(PlatformAttribute.hops).flatMap { Int($0) } ?? 0, 0)
  }

  /// What a module published while it handled `cause`, as an event.
  public static func event(
    _ published: GuestPublish, of cause: Event, by module: QualifiedName, at time: WallInstant,
    id: String
  ) -> Event {
    var event = Event(
      id: id, source: "/namespaces/\(module.namespace)/modules/\(module.name)",
      type: published.type ?? published.topic.text, topic: published.topic,
      namespace: module.namespace, subject: published.subject, time: time,
      dataContentType: published.dataContentType, data: published.data)
    event.setAttribute(PlatformAttribute.hops, to: String(hops(of: cause) + 1))
    event.setAttribute(PlatformAttribute.cause, to: cause.id)
    for name in [
      PlatformAttribute.traceParent, PlatformAttribute.traceState, PlatformAttribute.lifecycle,
    ] {
      event.setAttribute(name, to: cause.attribute(name))
    }
    return event
  }

  /// Results are taken in beyond the bounds that publishers meet, or work could not get done; but not
  /// without any bound.
  private func hasRoom(forResults accepted: [AcceptedEvent]) -> Bool {
    let count = accepted.reduce(0) { $0 + $1.targets.count }
    let bytes = accepted.reduce(0) { $0 + $1.event.footprint.bytes * $1.targets.count }
    return pendingCount + count <= 2 * limits.pendingDeliveries
      && pendingBytes + bytes <= 2 * limits.pendingBytes.bytes
  }

  /// The same delivery makes the same id however often it is tried, so that a result that was
  /// published is known again. The number alone makes it unique here; the cause's id, as much of it
  /// as fits, also where another cluster counts from 1.
  private static func resultID(of event: Event, _ delivery: DeliveryID) -> String {
    fitting("\(delivery)-\(event.id)")
  }

  /// As much of an id as an attribute may hold.
  public static func fitting(_ text: String) -> String {
    var id = text
    while id.utf8.count > EventRules.maximumAttributeLength { id.removeLast() }
    return id
  }

  // Invocations, which no delivery stands for.

  mutating func commit(
    _ request: RequestID, _ module: QualifiedName, _ cause: Event, _ offered: OfferedEffects,
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    // The same event may be given to a module any number of times: each run is one of its own.
    let run = String(UInt64.random(in: .min ... .max, using: &random), radix: 16)
    let result = accepted(zipped(offered), of: cause, by: module, now) { index in
      Self.fitting("\(run).\(index + 1)-\(cause.id)")
    }
    switch result {
    case .failure(let failure):
      directives.append(.refuse(request, problem(of: failure, now)))
    case .success(let events):
      for event in events {
        pendingCount += event.targets.count
        pendingBytes += event.event.footprint.bytes * event.targets.count
        owes(1, toTargetsOf: event)
      }
      committing[request] = events
      directives.append(
        .commit(
          request,
          CommittedEffects(
            namespace: module.namespace, at: now.wall, events: events,
            writes: offered.effects.writes)))
    }
  }

  private func problem(of failure: ActivationFailure, _ now: Instants) -> Problem {
    switch failure.code {
    case .overloaded: full(now)
    case _: Problem(.conflict, code: failure.code.rawValue, failure.message)
    }
  }

  mutating func confirm(
    _ request: RequestID, _ appended: [AppendedEvent], _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard let events = committing.removeValue(forKey: request) else { return }
    directives.append(.confirm(request))
    for (event, appended) in zip(events, appended) {
      release(event)
      owe(event, appended, now)
    }
  }
}
