import ClusterModel
import ControlPlaneLogic
import ModuleCatalog
import NodeAgentLogic

// What a run is measured by.
extension World {
  func countTransition(_ event: EventMessage) {
    guard case .string(let to) = event.payload["to"], let state = NodeState(rawValue: to) else {
      return
    }
    var from: NodeState?
    if case .string(let text) = event.payload["from"] { from = NodeState(rawValue: text) }
    coverage.countTransition(from, state)
  }

  /// A node is silent from now on, without anybody being told.
  func beginMove(from index: Int) {
    let lost = agents[index].serving.keys.sorted()
    guard !lost.isEmpty, pendingMoves[index] == nil else { return }
    pendingMoves[index] = PendingMove(since: timeline.now, lost: lost)
  }

  /// It is heard again: if its work was not moved by then, it never will be.
  func endMove(from index: Int) { pendingMoves[index] = nil }

  /// After a change of what an agent serves: whether everything that a silent node served is elsewhere.
  func measureMoves() {
    for index in pendingMoves.keys.sorted() {
      guard let move = pendingMoves[index] else { continue }
      let isMoved = move.lost.allSatisfy { id in
        plane?.catalog.placed[id.name]?.deployment.placement != id
          || agents.contains { $0.index != index && $0.serving[id] != nil }
      }
      guard isMoved else { continue }
      pendingMoves[index] = nil
      moves.append(.nanoseconds(timeline.now - move.since))
    }
  }

  /// Made of everything that is durable in the end, and of how much happened on the way.
  var fingerprint: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ text: String) {
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    mix("\(timeline.happened) \(timeline.now) \(store.term) \(store.securityEvents)")
    mix("\(log.done) \(log.dead) \(operators.eventsAccepted) \(callers.answered)")
    mix("\(evictions.gone.count) \(commits.started)")
    for name in store.deployments.keys.sorted() {
      mix("\(name) \(store.deployments[name]?.generation ?? 0)")
    }
    for agent in agents {
      mix("\(agent.node) \(agent.logic.plan) \(agent.process)")
      for placement in agent.serving.keys.sorted() {
        mix("\(placement.name) \(placement.generation)")
      }
    }
    return String(hash, radix: 16)
  }
}

/// What a silent node served.
struct PendingMove {
  let since: Int64
  let lost: [PlacementID]
}
