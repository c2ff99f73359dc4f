import ClusterModel
import ControlPlaneLogic
import EventRouting
import NodeAgentLogic

// Requests at nodes' own entrances: what serves there runs, whether or not a control plane is there. What it did is made
// durable at the control plane, by the right that it has there (docs/decisions/0052, 0076).
//
//     runs ──> may still ──sent──> judged: holds ──> durable ──> done
//                 ▲ │ lease over      │ │ over                    └──> refused: nothing of it
//                 │ └──> refused      │ └──> refused
//                 └────replaced───────┘
extension World {
  /// How long a node goes on asking while its fence is replaced, as in the program.
  private static let claimPatience = Duration.seconds(1).nanosecondCount

  func planEntrance() {
    guard let mean = configuration.entranceEvery else { return }
    let at = timeline.now + handling.interval(mean: mean).nanosecondCount
    if at < healAt { timeline.plan(.entranceIsAsked, at: at) }
  }

  func askEntrance() {
    planEntrance()
    let open = agents.indices.filter { agents[$0].isUp && !agents[$0].isFrozen }
    guard let index = handling.element(of: open) else { return }
    guard handling.happens(0.9), let placement = handling.element(of: commands(on: index)),
      let fence = agents[index].serving[placement]
    else { return passOn(from: index) }
    coverage.count(.entranceRuns)
    if !agents[index].logic.serves(placement, under: fence) {
      checker.fail("\(agents[index].node) runs \(placement.name), which serves no more", self)
    }
    agents[index].running += 1
    let rules = agents[index].orders[placement]?.deployment.configuration.placement
    let commit = beginCommit(
      of: placement.name, on: index,
      rules?.isolation == .stop ? .fence(placement, fence) : .none)
    timeline.plan(.entranceRunEnds(commit), after: handling.duration(upTo: .milliseconds(20)))
  }

  /// What serves on a node and can be asked.
  private func commands(on index: Int) -> [PlacementID] {
    agents[index].serving.keys.sorted().filter {
      agents[index].orders[$0]?.deployment.configuration.kind == .command
    }
  }

  /// What does not serve there runs wherever the control plane says.
  private func passOn(from index: Int) {
    guard plane?.hasBegun == true, hasLink(index), !isCut(index, .toPlane) else { return }
    coverage.count(.entrancePassesOn)
    call(deployedModule())
  }

  func beginCommit(
    of module: QualifiedName, on index: Int, _ claim: EffectClaim
  ) -> NodeCommits.Commit {
    NodeCommits.Commit(
      number: commits.begins(), index: index, process: agents[index].process, module: module,
      claim: claim, deadline: timeline.now + Self.claimPatience)
  }

  func endEntranceRun(_ commit: NodeCommits.Commit) {
    let index = commit.index
    guard agents[index].process == commit.process else { return }
    guard !agents[index].isFrozen, !agents[index].isStuck else {
      timeline.plan(.entranceRunEnds(commit), after: .milliseconds(100))
      return
    }
    agents[index].running = max(0, agents[index].running - 1)
    agents[index].progress += 1
    guard !isTroubled || !handling.happens(configuration.guestFailure) else { return }
    sendCommit(commit)
  }

  func sendCommit(_ commit: NodeCommits.Commit) {
    let index = commit.index
    guard agents[index].process == commit.process, agents[index].isUp else { return }
    guard !agents[index].isFrozen else {
      timeline.plan(.commitIsSent(commit), after: .milliseconds(50))
      return
    }
    guard mayAsk(for: commit) else {
      coverage.count(.commitLeaseOver)
      return
    }
    guard agents[index].isConnected else {
      coverage.count(.commitUndurable)
      return
    }
    // Networks keep some for longer than any lease.
    let wait = handling.duration(upTo: handling.happens(0.1) ? .seconds(5) : configuration.delay)
    timeline.plan(
      .commitArrives(commit, connection: agents[index].connection), after: wait)
  }

  /// Whether the node itself lets it have effects.
  private func mayAsk(for commit: NodeCommits.Commit) -> Bool {
    let agent = agents[commit.index]
    let now = agent.clock.instants(at: timeline.now).monotonic
    let hasLease = agent.logic.leaseEnd.map { now < $0 } ?? false
    return switch commit.claim {
    case .none: true
    case .byHand: hasLease
    case .fence(let placement, let fence):
      hasLease && agent.serving[placement] == fence && timeline.now < commit.deadline
    }
  }

  func commitArrives(_ commit: NodeCommits.Commit, _ connection: Int) {
    let index = commit.index
    // With its connection it is lost, and nobody knows what became of it.
    guard agents[index].connection == connection, hasLink(index) else {
      coverage.count(.commitUnknown)
      return
    }
    guard !isCut(index, .toPlane) else {
      timeline.plan(
        .commitArrives(commit, connection: connection), after: .milliseconds(100))
      return
    }
    guard let plane, plane.hasBegun else {
      coverage.count(.commitUndurable)
      return
    }
    let node = agents[index].node
    let verdict = plane.judge(
      commit.claim, of: commit.module, on: node, at: planeClock.instants(at: timeline.now))
    note("run \(commit.number) of \(commit.module) on \(node), \(commit.claim): \(verdict)")
    switch verdict {
    case .holds: letThrough(commit, on: node)
    case .replaced:
      let wayBack = handling.duration(upTo: configuration.delay)
      timeline.plan(.commitIsSent(commit), after: .milliseconds(5) + wayBack)
    case .over:
      coverage.count(.commitRefused)
      if commit.claim == .byHand {
        checker.fail("\(commit.module) is held by hand on \(node), and may not act", self)
      }
    }
  }

  private func letThrough(_ commit: NodeCommits.Commit, on node: NodeID) {
    // What has no lease to lose may act as soon as its node is let in, before that has said what it holds.
    if commit.claim != .none || !isLetIn(commit.index) {
      check(evictions.acts(on: node, at: timeline.now))
    }
    switch commit.claim {
    case .none: coverage.count(.claimNone)
    case .byHand: coverage.count(.claimByHand)
    case .fence(let placement, let fence): checker.acts(placement, under: fence, on: node, self)
    }
    let request = operators.nextRequest()
    commits.offers(request, commit)
    let effects = commit.effects
    let offered = EventRouter.OfferedEffects(effects, data: effects.published.map { _ in nil })
    tellPlane(
      logicLife,
      .events(.effectsOffered(request, commit.module, event: commit.event, offered)))
  }
}
