import ClusterModel
import ControlPlaneLogic
import ModuleCatalog
import NodeAgentLogic
import Supervision

// What people hold on nodes by hand, with tools that ask the nodes themselves (docs/decisions/0054).
extension World {
  func planHand() {
    guard let mean = configuration.handEvery else { return }
    let at = timeline.now + handling.interval(mean: mean).nanosecondCount
    if at < healAt { timeline.plan(.handActs, at: at) }
  }

  func handActs() {
    planHand()
    switch handling.index(below: 10) {
    case 0, 1, 2, 3, 4: hold()
    case 5, 6: letGo()
    case _: serviceByHandActs()
    }
  }

  /// The agent asks the control plane, which says what that is; then somebody waits until it is ready.
  private func hold() {
    guard let plane, plane.hasBegun else { return }
    let open = agents.indices.filter {
      agents[$0].isUp && !agents[$0].isFrozen && hasLink($0) && !isCut($0, .toPlane)
        && !isCut($0, .toAgent)
    }
    // Who has something asks for more, until there is no room.
    let busy = open.filter { !agents[$0].hands.isEmpty }
    let chosen = handling.happens(0.7) && !busy.isEmpty ? busy : open
    guard let index = handling.element(of: chosen), let name = module(forHandOn: index, plane)
    else { return }
    let past = handling.happens(0.2) ? plane.catalog.versions[name] ?? [] : []
    let version = handling.element(of: past)?.version
    guard let (deployment, record) = try? plane.catalog.orderByHand(name, version) else { return }
    let order = PlacementOrder(
      deployment: deployment, record: record, role: .retained, fence: .zero)
    planHand(.hold(order), on: index)
  }

  /// Mostly one that the plan has there as well, or may have soon.
  private func module(forHandOn index: Int, _ plane: ControlPlaneLogic) -> QualifiedName? {
    let waiting = agents[index].logic.report.placements.filter { $0.role != .active }
    if handling.happens(0.4), let held = handling.element(of: waiting) {
      return held.placement.name
    }
    return handling.element(of: plane.catalog.placed.keys.sorted())
  }

  private func letGo() {
    let busy = agents.indices.filter { !agents[$0].hands.isEmpty }
    guard let index = handling.element(of: busy),
      let name = handling.element(of: agents[index].hands.keys.sorted())
    else { return }
    planHand(.release(name), on: index)
  }

  private func planHand(_ wish: Hands.Wish, on index: Int) {
    timeline.plan(
      .handAsks(index, process: agents[index].process, wish),
      after: handling.duration(upTo: configuration.delay))
  }

  /// It has come to the agent.
  func handAsks(_ index: Int, _ process: Int, _ wish: Hands.Wish) {
    guard agents[index].process == process, agents[index].isUp else { return }
    guard !agents[index].isFrozen else {
      timeline.plan(.handAsks(index, process: process, wish), after: .milliseconds(50))
      return
    }
    let request = hands.asks(wish, on: index)
    switch wish {
    case .hold(let order): tellAgent(index, process, .holdRequested(request, order))
    case .release(let name): tellAgent(index, process, .releaseRequested(request, name))
    }
  }

  func answeredByHand(
    _ index: Int, _ request: RequestID, _ result: Result<HeldByHand, Problem>
  ) {
    if case .success(let held) = result, !held.isPlanned, agents[index].isPlanned(held.placement) {
      coverage.count(.handSharesWithPlan)
    }
    check(hands.answered(request, result, agents[index]))
  }

  /// The trust store, for an agent that looks whether what hands hold may still be there.
  func readKeys(_ index: Int) {
    guard let plane, plane.hasBegun, hasLink(index), !isCut(index, .toPlane),
      !isCut(index, .toAgent)
    else { return }
    timeline.plan(
      .agentIsTold(index, process: agents[index].process, .keysRead(plane.catalog.allKeys)),
      after: handling.duration(upTo: configuration.delay))
  }

  /// A service that a hand has started does something. Where it would have to stop when isolated, it says whose it is.
  private func serviceByHandActs() {
    let busy = agents.indices.filter { index in
      agents[index].services.contains { $0.value.isByHand && !$0.value.isKilled }
    }
    guard let index = handling.element(of: busy) else { return }
    let runs = agents[index].services.filter { $0.value.isByHand && !$0.value.isKilled }
    guard let run = handling.element(of: runs.keys.sorted()), let service = runs[run] else {
      return
    }
    let mustStopAlone = service.deployment.configuration.placement.isolation == .stop
    sendCommit(beginCommit(of: run.placement.name, on: index, mustStopAlone ? .byHand : .none))
  }

  /// What of all this is not at rest, once everything works.
  func handUnrest() -> [String] {
    var unrest: [String] = []
    if hands.waitingCount > 0 { unrest.append("\(hands.waitingCount) requests by hand wait") }
    for agent in agents {
      for name in agent.hands.keys.sorted() {
        guard let order = agent.hands[name] else { continue }
        if order.record.signers.contains(where: { store.keys[$0]?.revokedAt != nil }) {
          unrest.append("\(agent.node) holds \(name) by hand in spite of its key")
        }
        guard order.deployment.configuration.serviceTree != nil,
          agent.logic.readyByHand.contains(order.placement)
        else { continue }
        let state = agent.logic.serviceState(of: order.placement)?.status.state
        let runs = agent.services.keys.contains { $0.placement == order.placement }
        // A temporary one that has ended is forgotten.
        let mayBeForgotten =
          order.isOfTemporaryService && agent.endedByHand.contains(order.placement)
        if state == nil, !runs, mayBeForgotten { continue }
        if runs != (state == .running) || !runs && state != .ended {
          unrest.append("\(name) by hand is \(state?.rawValue ?? "nothing") on \(agent.node)")
        }
      }
    }
    return unrest
  }
}

extension PlacementOrder {
  /// Whether it is a service that is never started again.
  fileprivate var isOfTemporaryService: Bool {
    let tree = deployment.configuration.serviceTree?.alone(placement.name.name)
    guard case .service(_, restart: .temporary, _)? = tree?.children.first else { return false }
    return true
  }
}
