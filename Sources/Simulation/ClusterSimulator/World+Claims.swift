import ClusterModel
import ControlPlaneLogic
import NodeAgentLogic

// What modules that must stop when isolated do to state: sent under the fence that their node has, and judged when it
// arrives, however much later that is, or when its turn has come there.
extension World {
  /// Something acts somewhere.
  func sendEffect() {
    if isTroubled {
      timeline.plan(.effectIsSent, after: calling.interval(mean: .milliseconds(20)))
    }
    let holders = agents.indices.filter { !exclusive(on: $0).isEmpty }
    guard let index = calling.element(of: holders),
      let placement = calling.element(of: exclusive(on: index)),
      let fence = agents[index].serving[placement]
    else { return }
    // Networks keep some for longer than any lease.
    let wait = calling.duration(upTo: calling.happens(0.3) ? .seconds(8) : configuration.delay)
    timeline.plan(
      .effectArrives(index, connection: agents[index].connection, placement, fence), after: wait)
  }

  /// What has a lease on a node, and can say so.
  private func exclusive(on index: Int) -> [PlacementID] {
    let agent = agents[index]
    let now = agent.clock.instants(at: timeline.now).monotonic
    guard agent.isUp, !agent.isFrozen, hasLink(index), let end = agent.logic.leaseEnd, now < end
    else { return [] }
    return agent.serving.keys.sorted().filter {
      agent.orders[$0]?.deployment.configuration.placement.isolation == .stop
    }
  }

  func effectArrives(
    _ index: Int, _ connection: Int, _ placement: PlacementID, _ fence: PlanVersion
  ) {
    // With its connection it is lost.
    guard agents[index].connection == connection, hasLink(index) else { return }
    guard !isCut(index, .toPlane) else {
      timeline.plan(
        .effectArrives(index, connection: connection, placement, fence),
        after: .milliseconds(100))
      return
    }
    // Some wait there for their turn. Whoever sent them may be hung up on meanwhile.
    if evicting.happens(0.3) {
      timeline.plan(
        .effectIsJudged(index, placement, fence), after: evicting.duration(upTo: .seconds(8)))
    } else {
      judgeEffect(index, placement, fence)
    }
  }

  func judgeEffect(_ index: Int, _ placement: PlacementID, _ fence: PlanVersion) {
    guard let plane, plane.hasBegun else { return }
    let node = agents[index].node
    let isGone = evictions.isGone(node)
    let verdict = plane.judge(
      .fence(placement, fence), of: placement.name, on: node,
      at: planeClock.instants(at: timeline.now))
    note("effect of \(placement.name) on \(node) under \(fence): \(verdict)")
    switch verdict {
    case .holds:
      coverage.count(isGone ? .claimOfGoneHolds : .claimHolds)
      check(evictions.acts(on: node, at: timeline.now))
      checker.acts(placement, under: fence, on: node, self)
    case .replaced: coverage.count(.claimReplaced)
    case .over: coverage.count(isGone ? .claimOfGoneOver : .claimOver)
    }
  }
}
