import ClusterModel
import DequeModule

// Whose turn it is.
extension EventRouter {
  /// Puts a delivery at the end of its module's lane.
  mutating func enqueue(_ id: DeliveryID) {
    guard let module = deliveries[id]?.module else { return }
    deliveries[id]?.state = .waiting
    lanes[module, default: Lane()].waiting.append(id)
    offerTurn(module)
  }

  /// Puts a module into the ring when it has something to run and room to run it.
  mutating func offerTurn(_ module: QualifiedName) {
    guard let deployment = deployments[module], deployment.isReady, var lane = lanes[module],
      !lane.isQueued, !lane.waiting.isEmpty, lane.running < deployment.configuration.concurrency
    else { return }
    lane.isQueued = true
    lanes[module] = lane
    ring.append(module)
  }

  /// Begins activations, a turn for each module in the ring, as long as there is room.
  mutating func dispatch(_ now: Instants, _ directives: inout [Directive]) {
    while !isStopping, running < limits.running, unrecordedBytes < limits.unrecordedBytes.bytes,
      let module = ring.popFirst()
    {
      lanes[module]?.isQueued = false
      // Its deployment may have changed since it was put into the ring.
      guard let deployment = deployments[module], deployment.isReady,
        lanes[module, default: Lane()].running < deployment.configuration.concurrency,
        let id = lanes[module]?.waiting.popFirst()
      else { continue }
      guard let delivery = deliveries[id] else { continue }
      expectAnswer(id, deployment, now)
      lanes[module]?.running += 1
      running += 1
      directives.append(
        .activate(
          id, delivery.offset, module, generation: deployment.generation,
          attempt: delivery.failedAttempts + 1))
      offerTurn(module)
    }
  }

  /// A delivery runs no more.
  mutating func endTurn(_ module: QualifiedName) {
    running -= 1
    lanes[module]?.running -= 1
    if deployments[module] == nil, lanes[module]?.running == 0 { lanes[module] = nil }
    offerTurn(module)
  }

  /// Takes in which deployments there are. What waits for one that is gone, be it for its turn or for
  /// a new try, is put aside.
  mutating func change(to routed: [RoutedDeployment], _ now: Instants) {
    let old = deployments
    deployments = Dictionary(routed.map { ($0.name, $0) }) { _, new in new }
    // Most changes are that a deployment got ready; building the table is the dearest part of all.
    let haveTriggersChanged =
      old.count != deployments.count
      || routed.contains {
        $0.configuration.triggers != old[$0.name]?.configuration.triggers
      }
    if haveTriggersChanged {
      orderedTriggers = Self.orderedTriggers(of: routed)
      groupedTriggers = Self.groupedTriggers(of: routed)
      table = SubscriptionTable(
        routed.flatMap { deployment in
          deployment.configuration.triggers.map { (deployment.name, $0) }
        })
    }
    let gone = Set(old.keys.filter { deployments[$0] == nil })
    if !gone.isEmpty { putAsideAll(of: gone, now) }
    for module in lanes.keys.sorted() { offerTurn(module) }
  }

  private mutating func putAsideAll(of gone: Set<QualifiedName>, _ now: Instants) {
    ring.removeAll { gone.contains($0) }
    for module in gone {
      lanes[module]?.waiting = []
      lanes[module]?.isQueued = false
      if lanes[module]?.running == 0 { lanes[module] = nil }
    }
    for id in deliveries.keys.sorted() {
      guard let delivery = deliveries[id], gone.contains(delivery.module) else { continue }
      switch delivery.state {
      case .held, .waiting, .sleeping(thenRecord: nil):
        putAside(id, Self.undeployed(delivery.module), now)
      case .running, .recording, .sleeping: break
      }
    }
  }

  static func undeployed(_ module: QualifiedName) -> ActivationFailure {
    ActivationFailure(code: .unavailable, message: "\(module) is not deployed any more")
  }
}
