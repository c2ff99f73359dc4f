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
  mutating func dispatch(_ directives: inout [Directive]) {
    while !isStopping, running < limits.running, let module = ring.popFirst() {
      lanes[module]?.isQueued = false
      guard let deployment = deployments[module], deployment.isReady,
        let id = lanes[module]?.waiting.popFirst()
      else { continue }
      guard let delivery = deliveries[id] else { continue }
      deliveries[id]?.state = .running
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
    offerTurn(module)
  }

  /// Takes in which deployments there are. What waits for one that is gone is put aside.
  mutating func change(
    to routed: [RoutedDeployment], _ now: Instants, _ directives: inout [Directive]
  ) {
    deployments = Dictionary(routed.map { ($0.name, $0) }) { _, new in new }
    table = SubscriptionTable(
      routed.flatMap { deployment in
        deployment.configuration.triggers.map { (deployment.name, $0.topic) }
      })
    for module in lanes.keys.sorted() {
      guard deployments[module] == nil else {
        offerTurn(module)
        continue
      }
      let waiting = lanes[module]?.waiting ?? []
      lanes[module]?.waiting = []
      for id in waiting { putAside(id, Self.undeployed(module), now, &directives) }
      if lanes[module]?.running == 0 { lanes[module] = nil }
    }
  }

  static func undeployed(_ module: QualifiedName) -> ActivationFailure {
    ActivationFailure(code: .unavailable, message: "\(module) is not deployed any more")
  }
}
