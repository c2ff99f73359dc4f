import ClusterModel

// Answers that do not come.
extension EventRouter {
  /// A delivery is handed out: it is waited for as long as its handler may run, and its grace.
  mutating func expectAnswer(_ id: DeliveryID, _ deployment: RoutedDeployment, _ now: Instants) {
    let configuration = deployment.configuration
    let until =
      now.monotonic + configuration.limits.wallTime + configuration.retry.answerGrace
    deliveries[id]?.state = .running(until: until)
    awaited[id] = until
    looksAt = min(looksAt ?? until, until)
  }

  /// What was not answered in time is tried again, or put aside: it is an attempt, for it may be the event
  /// that does this to its nodes. At most as many as may run are looked at, and seldom.
  mutating func giveUpOverdue(_ now: Instants, _ directives: inout [Directive]) {
    guard let looksAt, looksAt <= now.monotonic else { return }
    for id in awaited.filter({ $0.value <= now.monotonic }).keys.sorted() {
      guard let delivery = takeRunning(id) else { continue }
      directives.append(.giveUp(id))
      guard let deployment = deployments[delivery.module] else {
        putAside(id, Self.undeployed(delivery.module), now)
        continue
      }
      let attempt = delivery.failedAttempts + 1
      let isLast = attempt >= deployment.configuration.retry.attempts
      record(
        DeliveryChange(
          delivery: id, attempt: attempt, at: now.wall,
          outcome: isLast ? .dead(Self.unanswered) : .failed(Self.unanswered)))
    }
    self.looksAt = awaited.values.min()
  }

  private static let unanswered = ActivationFailure(
    code: .unavailable,
    message: "no answer came within the module's wall time and its grace; it may have run")
}
