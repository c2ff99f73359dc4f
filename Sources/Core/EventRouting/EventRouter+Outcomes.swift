import ClusterModel

// What comes of an attempt.
extension EventRouter {
  mutating func finish(
    _ id: DeliveryID, _ event: Event, _ result: Result<[UInt8], ActivationFailure>,
    _ data: JSONValue?, _ offered: OfferedEffects, _ now: Instants,
    _ random: inout some RandomNumberGenerator
  ) {
    switch result {
    case .failure(let failure): finishFailed(id, failure, now, &random)
    case .success(let output):
      guard let delivery = takeRunning(id) else { return }
      switch published(output, data, offered, of: event, delivery, now) {
      case .failure(let failure) where !Self.counts(failure): postpone(id, now, &random)
      case .failure(let failure): putAside(id, failure, now)
      case .success(let published):
        record(
          DeliveryChange(
            delivery: id, attempt: delivery.failedAttempts + 1, at: now.wall,
            outcome: .succeeded(
              output: output,
              CommittedEffects(
                namespace: delivery.module.namespace, at: now.wall, events: published,
                writes: offered.effects.writes))))
      }
    }
  }

  mutating func finishFailed(
    _ id: DeliveryID, _ failure: ActivationFailure, _ now: Instants,
    _ random: inout some RandomNumberGenerator
  ) {
    guard let delivery = takeRunning(id) else { return }
    guard deployments[delivery.module] == nil || Self.counts(failure) else {
      postpone(id, now, &random)
      return
    }
    fail(delivery, failure, now)
  }

  /// State would not take what an activation wrote. The delivery is held until here, so that what it was
  /// refused for can have changed when it is run again.
  mutating func refuseEffects(_ id: DeliveryID, _ problem: Problem, _ now: Instants) {
    guard let delivery = deliveries[id], case .recording(let change) = delivery.state else {
      return
    }
    endRecording(change)
    deliveries[id]?.postponements = 0
    fail(delivery, Self.refusal(problem), now)
  }

  /// An attempt failed: it is tried again, or was the last one.
  private mutating func fail(
    _ delivery: Delivery, _ failure: ActivationFailure, _ now: Instants
  ) {
    let id = delivery.id
    guard let deployment = deployments[delivery.module] else {
      putAside(id, Self.undeployed(delivery.module), now)
      return
    }
    let attempt = delivery.failedAttempts + 1
    guard attempt < deployment.configuration.retry.attempts, failure.code != .eventDamaged else {
      putAside(id, failure, now)
      return
    }
    record(
      DeliveryChange(delivery: id, attempt: attempt, at: now.wall, outcome: .failed(failure)))
  }

  /// Whether a failure is an attempt of the handler, or only bad luck with the platform.
  private static func counts(_ failure: ActivationFailure) -> Bool {
    switch failure.code {
    case .overloaded, .unavailable, .cancelled, .nodeLost: false
    case .guestExited, .guestTrapped, .startFailed, .memoryLimit, .cpuTimeLimit, .wallTimeLimit,
      .stackLimit, .outputLimit, .hostCallLimit, .callBytesLimit, .outstandingCallLimit,
      .effectsRefused, .capabilityDenied, .loopDetected, .eventDamaged, .internalError:
      true
    }
  }

  /// What it means for a delivery that its event could not be read. A log that is busy or away for a
  /// while takes no attempt from the handler; what is damaged is not read better by trying again.
  static func failure(of problem: Problem) -> ActivationFailure {
    if problem.code == damaged {
      return ActivationFailure(code: .eventDamaged, message: problem.message)
    }
    let code: ActivationFailure.Code =
      switch problem.category {
      case .overloaded, .unavailable: .unavailable
      case .invalidInput, .notFound, .conflict, .refused, .tooLarge, .guestFailed,
        .deadlineExceeded, .internalFault:
        .internalError
      }
    return ActivationFailure(code: code, message: problem.message)
  }

  /// The code of ``Problem`` with which the port of the log says so.
  private static let damaged = "data_corrupt"

  /// What it means for an activation that its effects were refused.
  private static func refusal(_ problem: Problem) -> ActivationFailure {
    ActivationFailure(code: .effectsRefused, message: problem.description)
  }

  /// What it means for a delivery that its node is gone: it takes no attempt from the handler.
  static let lost = ActivationFailure(
    code: .unavailable, message: "the node that ran it is gone")

  /// The delivery, if it was running; a report that comes twice is nothing.
  mutating func takeRunning(_ id: DeliveryID) -> Delivery? {
    guard let delivery = deliveries[id], case .running = delivery.state else { return nil }
    awaited[id] = nil
    endTurn(delivery.module)
    return delivery
  }

  /// Makes a delivery a dead letter.
  mutating func putAside(_ id: DeliveryID, _ failure: ActivationFailure, _ now: Instants) {
    guard let delivery = deliveries[id] else { return }
    record(
      DeliveryChange(
        delivery: id, attempt: delivery.failedAttempts + 1, at: now.wall, outcome: .dead(failure)))
  }

  /// A dead letter is a delivery again.
  mutating func replay(_ pending: PendingDelivery, _ now: Instants) {
    // The log said so before it was heard here that the death is durable: first things first.
    if case .recording(let change) = deliveries[pending.id]?.state, case .dead = change.outcome {
      deliveries[pending.id]?.replay = pending
      return
    }
    owe(pending, now)
  }
}
