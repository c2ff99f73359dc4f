import ClusterModel
import HeapModule

// What comes of an attempt.
extension EventRouter {
  /// The longest wait before something that failed without fault of the handler is tried again.
  private static let longestPostponement = Duration.seconds(5)
  private static let shortestPostponement = Duration.milliseconds(20)

  mutating func finish(
    _ id: DeliveryID, _ event: Event, _ result: Result<[UInt8], ActivationFailure>,
    _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    switch result {
    case .failure(let failure): finishFailed(id, failure, now, &random, &directives)
    case .success(let output):
      guard let delivery = takeRunning(id) else { return }
      switch published(output, of: event, delivery, now) {
      case .failure(let failure) where !Self.counts(failure):
        deliveries[id]?.state = .sleeping(thenRecord: nil)
        sleep(id, now, &random)
      case .failure(let failure): putAside(id, failure, now, &directives)
      case .success(let published):
        record(
          DeliveryChange(
            delivery: id, attempt: delivery.failedAttempts + 1, at: now.wall,
            outcome: .succeeded(output: output, published: published)), &directives)
      }
    }
  }

  mutating func finishFailed(
    _ id: DeliveryID, _ failure: ActivationFailure, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    guard let delivery = takeRunning(id) else { return }
    guard let deployment = deployments[delivery.module] else {
      putAside(id, Self.undeployed(delivery.module), now, &directives)
      return
    }
    guard Self.counts(failure) else {
      deliveries[id]?.state = .sleeping(thenRecord: nil)
      sleep(id, now, &random)
      return
    }
    let attempt = delivery.failedAttempts + 1
    guard attempt < deployment.configuration.retry.attempts else {
      putAside(id, failure, now, &directives)
      return
    }
    record(
      DeliveryChange(delivery: id, attempt: attempt, at: now.wall, outcome: .failed(failure)),
      &directives)
  }

  /// Whether a failure is an attempt of the handler, or only bad luck with the platform.
  private static func counts(_ failure: ActivationFailure) -> Bool {
    switch failure.code {
    case .overloaded, .unavailable, .cancelled: false
    case .guestExited, .guestTrapped, .startFailed, .memoryLimit, .cpuTimeLimit, .wallTimeLimit,
      .outputLimit, .loopDetected, .internalError:
      true
    }
  }

  /// The event that a result becomes; nothing when nobody asked for it or there is none.
  private func published(
    _ output: [UInt8], of event: Event, _ delivery: Delivery, _ now: Instants
  ) -> Result<AcceptedEvent?, ActivationFailure> {
    guard let topic = deployments[delivery.module]?.configuration.resultTopic, !output.isEmpty
    else { return .success(nil) }
    guard output.count <= EventRules.maximumData.bytes else {
      return .failure(
        ActivationFailure(
          code: .outputLimit,
          message: "a result of more than \(EventRules.maximumData) cannot be published"))
    }
    let hops = (event.attribute(PlatformAttribute.hops).flatMap { Int($0) } ?? 0) + 1
    guard hops <= limits.hops else {
      return .failure(
        ActivationFailure(
          code: .loopDetected,
          message: "the event came of \(limits.hops) results of results: modules call each other"))
    }
    let targets = table.modules(for: topic, in: delivery.module.namespace)
    // Results are taken in beyond the bound that publishers meet, or work could not get done; but
    // not without any bound.
    guard pendingCount + targets.count <= 2 * limits.pendingDeliveries else {
      return .failure(
        ActivationFailure(code: .overloaded, message: "too many events wait to be delivered"))
    }
    // The same attempt makes the same event, so that a result that was published is known again.
    var result = Event(
      id: "delivery-\(delivery.id)",
      source: "/namespaces/\(delivery.module.namespace)/modules/\(delivery.module.name)",
      type: "wasmatrix.result", topic: topic, namespace: delivery.module.namespace,
      time: now.wall, data: output)
    result.setAttribute(PlatformAttribute.hops, to: String(hops))
    result.setAttribute(PlatformAttribute.cause, to: event.id)
    for name in [PlatformAttribute.traceParent, PlatformAttribute.traceState] {
      result.setAttribute(name, to: event.attribute(name))
    }
    return .success(
      AcceptedEvent(
        event: result, acceptedAt: now.wall,
        principal: Principal(kind: .module, name: delivery.module.description),
        targets: targets))
  }

  /// The delivery, if it was running; a report that comes twice is nothing.
  private mutating func takeRunning(_ id: DeliveryID) -> Delivery? {
    guard let delivery = deliveries[id], case .running = delivery.state else { return nil }
    endTurn(delivery.module)
    return delivery
  }

  /// Makes a delivery a dead letter.
  mutating func putAside(
    _ id: DeliveryID, _ failure: ActivationFailure, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard let delivery = deliveries[id] else { return }
    record(
      DeliveryChange(
        delivery: id, attempt: delivery.failedAttempts + 1, at: now.wall,
        outcome: .dead(failure)), &directives)
  }

  private mutating func record(_ change: DeliveryChange, _ directives: inout [Directive]) {
    deliveries[change.delivery]?.state = .recording(change)
    directives.append(.record(change))
  }

  mutating func recorded(
    _ id: DeliveryID, _ appended: AppendedEvent?, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    guard let delivery = deliveries[id], case .recording(let change) = delivery.state else {
      return
    }
    deliveries[id]?.postponements = 0
    switch change.outcome {
    case .failed:
      deliveries[id]?.failedAttempts = change.attempt
      deliveries[id]?.state = .sleeping(thenRecord: nil)
      let policy = deployments[delivery.module]?.configuration.retry ?? RetryPolicy()
      let delay = policy.delay(beforeAttempt: change.attempt + 1, using: &random)
      alarms.insert(Alarm(at: now.monotonic + delay, delivery: id))
    case .dead:
      settle(delivery, &directives)
    case .succeeded(_, let published):
      settle(delivery, &directives)
      if let published, let appended { owe(published, appended, now, &directives) }
    }
  }

  private mutating func settle(_ delivery: Delivery, _ directives: inout [Directive]) {
    deliveries[delivery.id] = nil
    pendingCount -= 1
    pendingBytes -= delivery.footprint.bytes
    directives.append(.settled(delivery.id, delivery.offset))
  }

  /// The log could not take the change: the same change is recorded again later; the handler is not
  /// run again for it.
  mutating func postponeRecord(
    _ id: DeliveryID, _ now: Instants, _ random: inout some RandomNumberGenerator
  ) {
    guard case .recording(let change) = deliveries[id]?.state else { return }
    deliveries[id]?.state = .sleeping(thenRecord: change)
    sleep(id, now, &random)
  }

  /// Sleeps a while, longer each time in a row, never as long as another that failed with it.
  private mutating func sleep(
    _ id: DeliveryID, _ now: Instants, _ random: inout some RandomNumberGenerator
  ) {
    guard let count = deliveries[id]?.postponements else { return }
    deliveries[id]?.postponements = count + 1
    let ceiling = min(
      Self.shortestPostponement * (1 << min(count, 10)), Self.longestPostponement)
    let nanoseconds = Int64.random(
      in: (ceiling / 2).nanoseconds...ceiling.nanoseconds, using: &random)
    alarms.insert(Alarm(at: now.monotonic + .nanoseconds(nanoseconds), delivery: id))
  }

  /// Wakes what is due.
  mutating func wake(_ now: Instants, _ directives: inout [Directive]) {
    while let alarm = alarms.min, alarm.at <= now.monotonic {
      alarms.removeMin()
      guard let delivery = deliveries[alarm.delivery],
        case .sleeping(let change) = delivery.state
      else { continue }
      if let change {
        record(change, &directives)
      } else if deployments[delivery.module] == nil {
        putAside(delivery.id, Self.undeployed(delivery.module), now, &directives)
      } else {
        enqueue(delivery.id)
      }
    }
  }
}
