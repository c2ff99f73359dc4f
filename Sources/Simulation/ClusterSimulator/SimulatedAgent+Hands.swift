import ClusterModel
import NodeAgentLogic

// What is on a node for its plan, and what hands hold beside that.
extension SimulatedAgent {
  /// What hands hold, after the logic has heard something.
  mutating func takeHands(_ input: NodeAgentLogic.Input) {
    if case .holdRequested(_, let order) = input, hands[order.placement.name] == nil,
      logic.isHeldByHand(order.placement.name)
    {
      hands[order.placement.name] = order
      handled.insert(order.placement)
      endedByHand.remove(order.placement)
    }
    for name in hands.keys.sorted() where !logic.isHeldByHand(name) { hands[name] = nil }
  }

  func isHeldByHand(_ placement: PlacementID) -> Bool {
    hands[placement.name]?.placement == placement
  }

  /// Whether the plan wants it here, in whatever role.
  func isPlanned(_ placement: PlacementID) -> Bool {
    logic.report.placements.contains { $0.placement == placement }
  }

  /// Whether it is here because the plan wants it.
  func holdsForPlan(_ placement: PlacementID) -> Bool {
    orders[placement] != nil && isPlanned(placement) && !logic.isFull(placement)
  }

  /// Those that no hand has started.
  var plannedServices: [ServiceRunID: SimulatedService] {
    services.filter { !$0.value.isByHand }
  }

  /// What it does for its plan that must stop when isolated, by name.
  var exclusive: [QualifiedName] {
    let served = serving.keys.filter {
      orders[$0]?.deployment.configuration.placement.isolation == .stop
    }
    let running = plannedServices.filter {
      !$0.value.isKilled && $0.value.deployment.configuration.placement.isolation == .stop
    }
    return Set(served.map(\.name) + running.keys.map(\.placement.name)).sorted()
  }

  /// What is not as it has to be where hands hold something; nothing when all is well.
  ///
  /// - What the node says is ready by hand is.
  /// - What the plan has serve is the plan's alone.
  /// - What neither the plan nor a hand holds any more is gone.
  var wrongsByHand: [String] {
    guard isUp, !handled.isEmpty else { return [] }
    var wrongs: [String] = []
    let planned = logic.report.placements
    for placement in logic.readyByHand
    where hands[placement.name].map({ prepared[placement]?.deployment == $0.deployment }) != true {
      wrongs.append("\(node) holds \(placement.name) by hand, which is not ready there")
    }
    for name in hands.keys.sorted()
    where planned.contains(where: { $0.role == .active && $0.placement.name == name }) {
      wrongs.append("\(node) holds \(name) by hand, which its plan has serve")
    }
    for placement in handled.sorted()
    where prepared[placement] != nil && !isHeldByHand(placement)
      && !planned.contains(where: { $0.placement == placement })
    {
      wrongs.append("\(node) keeps \(placement.name), which nobody wants there")
    }
    return wrongs
  }
}

extension PlacementOrder {
  /// Plans give a fence to everything that they hold; what a hand wants has none.
  var isByHand: Bool { fence == .zero }
}
