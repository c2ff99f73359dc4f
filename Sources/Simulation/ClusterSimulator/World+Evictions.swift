import ClusterModel
import ControlPlaneLogic
import ModuleCatalog
import NodeTracking

// Nodes that are let in no more, and how they come back.
//
//     attached ──evicted──> removed, durable ──> hung up on ──shows a certificate──> refused ──a new token──> new
//                                                     └──in the control plane's own process──> new, at once
extension World {
  func planEviction() {
    guard let mean = configuration.evictionEvery else { return }
    let at = timeline.now + evicting.interval(mean: mean).nanosecondCount
    if at < healAt { timeline.plan(.nodeIsEvicted, at: at) }
  }

  /// An operator evicts a node that is alive: mostly one that has what nobody else may have meanwhile.
  func evictNode() {
    planEviction()
    guard plane?.hasBegun == true else { return }
    let attached = agents.indices.filter { agents[$0].isUp && hasLink($0) }
    let holders = attached.filter { !agents[$0].exclusive.isEmpty }
    let chosen = evicting.happens(0.7) && !holders.isEmpty ? holders : attached
    guard let index = evicting.element(of: chosen) else { return }
    act(.command(agents[index].node, .evict))
  }

  /// Whether the control plane lets a node in that comes now.
  func isLetIn(_ index: Int) -> Bool {
    !agents[index].showsCertificate || !store.forgotten.contains(agents[index].node)
  }

  /// That it is none any more is durable: from now on its certificate counts for nothing.
  func isForgotten(_ node: NodeID) {
    guard let index = indexByNode[node] else { return }
    callers.somethingIsWrong(with: node, timeline.now)
    guard agents[index].showsCertificate, let delay = configuration.joinDelay else { return }
    timeline.plan(.nodeJoins(index), after: evicting.duration(upTo: delay))
  }

  /// The control plane's end of its link is closed: what comes over that counts no more. The agent hears of
  /// it, unless nothing gets through, and opens another one.
  func hangUp(on node: NodeID) {
    guard let index = indexByNode[node] else { return }
    if hasLink(index), !agents[index].exclusive.isEmpty { coverage.count(.evictionOfHolder) }
    let now = timeline.now
    evictions.goes(node, at: now)
    timeline.plan(.leaseOfGoneIsOver(index), at: now + Evictions.lease + 1)
    if let plane {
      for name in plane.catalog.placed.keys.sorted()
      where plane.routes(of: name).contains(where: { $0.node == node }) {
        checker.fail("\(name) is routed to \(node), which was let in no more", self)
      }
    }
    closeLink(index)
  }

  private func closeLink(_ index: Int) {
    guard hasLink(index) else { return }
    agents[index].link = nil
    callers.somethingIsWrong(with: agents[index].node, timeline.now)
    endRuns(on: agents[index].node)
    guard agents[index].isConnected, !isCut(index, .toAgent) else { return }
    timeline.plan(
      .linkFails(index, process: agents[index].process, connection: agents[index].connection),
      after: network.duration(upTo: configuration.delay))
  }

  /// Whether what an agent says of itself over a connection is taken in: who was hung up on would be a node
  /// again by what it said before.
  func mayAttach(_ index: Int) -> Bool {
    guard hasLink(index) else { return false }
    guard isLetIn(index) else {
      closeLink(index)
      return false
    }
    return true
  }

  /// Somebody gives it a new token, and starts its agent again with that.
  func joinAgain(_ index: Int) {
    guard !isLetIn(index) else { return }
    coverage.count(.nodeJoinsAgain)
    note("\(agents[index].node) is given a new token")
    store.enrol(agents[index].node)
    crashAgent(index)
    relaunch(agentTrees[index])
  }

  // What is looked at.

  /// The control plane has taken something in: who is a node again by that is.
  func noteArrival(_ input: ControlPlaneLogic.Input) {
    guard case .agentSpoke(.attached(let registration, _)) = input,
      plane?.tracker.nodes[registration.node] != nil, evictions.isLetIn(registration.node)
    else { return }
    let index = indexByNode[registration.node]
    if let index, !agents[index].showsCertificate { coverage.count(.nodeComesBackAtOnce) }
  }

  func checkGone() {
    guard !evictions.gone.isEmpty, let plane, plane.hasBegun else { return }
    check(
      evictions.areKnown { node in
        plane.tracker.nodes[node] != nil || plane.scheduling(of: node) != nil
          || store.nodes[node] != nil
      })
  }

  func checkSent(_ message: ControlMessage, to node: NodeID) {
    switch message {
    case .plan: check(evictions.isSent("a plan", to: node))
    case .standing: check(evictions.isSent("a standing plan", to: node))
    case .welcome: check(evictions.isSent("a welcome", to: node))
    case .unknown, .heartbeatAcknowledged, .reportAcknowledged, .refused: break
    }
  }

  /// Nothing of what it had may serve any longer, unless it was let in again.
  func leaseOfGoneIsOver(_ index: Int) {
    check(evictions.serves(agents[index], at: timeline.now))
  }

  func check(_ wrongs: [String]) {
    for wrong in wrongs { checker.fail(wrong, self) }
  }
}
