import ClusterModel
import DequeModule
import HeapModule

// Making what came of an attempt durable, and what follows from that.
extension EventRouter {
  /// The longest wait before something that failed without fault of the handler is tried again.
  private static let longestPostponement = Duration.seconds(5)
  private static let shortestPostponement = Duration.milliseconds(20)
  /// What a change counts for beside its result.
  private static let changeOverhead = 1024

  /// Decides what became of a delivery. It stays so until the log has it, however often that fails.
  mutating func record(_ change: DeliveryChange) {
    unrecordedBytes += Self.cost(change)
    queue(change)
  }

  private mutating func queue(_ change: DeliveryChange) {
    deliveries[change.delivery]?.state = .recording(change)
    unrecorded.append(change.delivery)
  }

  private static func cost(_ change: DeliveryChange) -> Int {
    switch change.outcome {
    case .succeeded(let output, let effects):
      changeOverhead + output.count + effects.footprint.bytes
    case .failed, .dead: changeOverhead
    }
  }

  /// Begins records, first come, first served, as long as there is room.
  mutating func dispatchRecords(_ directives: inout [Directive]) {
    while recording < limits.recording, let id = unrecorded.popFirst() {
      guard case .recording(let change) = deliveries[id]?.state else { continue }
      recording += 1
      directives.append(.record(change))
    }
  }

  mutating func recorded(
    _ id: DeliveryID, _ appended: [AppendedEvent], _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    guard let delivery = deliveries[id], case .recording(let change) = delivery.state else {
      return
    }
    endRecording(change)
    deliveries[id]?.postponements = 0
    switch change.outcome {
    case .failed:
      deliveries[id]?.failedAttempts = change.attempt
      guard let deployment = deployments[delivery.module] else {
        putAside(id, Self.undeployed(delivery.module), now)
        return
      }
      let delay = deployment.configuration.retry
        .delay(beforeAttempt: change.attempt + 1, using: &random)
      deliveries[id]?.state = .sleeping(thenRecord: nil)
      alarms.insert(Alarm(at: now.monotonic + delay, delivery: id))
    case .dead(let failure):
      let death = DeliveryDeath(
        module: delivery.module, attempts: change.attempt, failure: failure, at: change.at)
      settle(delivery, death, now, &directives)
      if let replay = delivery.replay { owe(replay, now) }
    case .succeeded(_, let effects):
      settle(delivery, nil, now, &directives)
      for (event, appended) in zip(effects.events, appended) { owe(event, appended, now) }
    }
  }

  mutating func endRecording(_ change: DeliveryChange) {
    recording -= 1
    unrecordedBytes -= Self.cost(change)
  }

  private mutating func settle(
    _ delivery: Delivery, _ death: DeliveryDeath?, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    settling.drained(bytes: delivery.footprint.bytes, at: now.monotonic)
    deliveries[delivery.id] = nil
    pendingCount -= 1
    pendingBytes -= delivery.footprint.bytes
    owes(-1, to: delivery.module)
    directives.append(.settled(delivery.id, delivery.offset, death))
    release(delivery)
  }

  /// The log could not take the change: the same change is recorded again later; the handler is not
  /// run again for it.
  mutating func postponeRecord(
    _ id: DeliveryID, _ now: Instants, _ random: inout some RandomNumberGenerator
  ) {
    guard case .recording(let change) = deliveries[id]?.state else { return }
    recording -= 1
    deliveries[id]?.state = .sleeping(thenRecord: change)
    sleep(id, now, &random)
  }

  /// The handler could not be run, through no fault of its own: it is tried again soon.
  mutating func postpone(
    _ id: DeliveryID, _ now: Instants, _ random: inout some RandomNumberGenerator
  ) {
    deliveries[id]?.state = .sleeping(thenRecord: nil)
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
  mutating func wake(_ now: Instants) {
    while let alarm = alarms.min, alarm.at <= now.monotonic {
      alarms.removeMin()
      guard let delivery = deliveries[alarm.delivery],
        case .sleeping(let change) = delivery.state
      else { continue }
      if let change {
        queue(change)
      } else {
        enqueue(delivery.id)
      }
    }
  }
}
