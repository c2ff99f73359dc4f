import ClusterModel
import Supervision

/// Looks at what really runs in a tree, and fails when a rule of supervision is broken. It trusts
/// nothing that a `Supervisor` believes: of its reports it uses only when a restart was decided.
struct SupervisionChecker {
  private struct Seen {
    var isAlive = false
    var isServing = false
    /// In this life of its supervisor.
    var hasServed = false
    var starts = 0
    var restarts = 0
    /// How it ended by itself, when it has not begun again since.
    var endedByItself: ChildExit?
    /// Whether its restart was decided since then.
    var isDecided = false
    /// Someone laid hand on it, and it does not serve again since: order is not kept for it.
    var isByHand = false
    // Of a supervisor.
    var isStarted = false
    var isStopping = false
    var hasEscalated = false
    /// When restarts were decided, in this life.
    var decisions: [MonotonicInstant] = []
  }

  private var seen: [Seen]
  /// No less than how many are by hand.
  private var hands = 0

  init(nodes: Int) { seen = Array(repeating: Seen(), count: nodes) }

  mutating func processEnded() { seen = Array(repeating: Seen(), count: seen.count) }

  mutating func byHand(_ node: Int) {
    seen[node].isByHand = true
    hands += 1
  }

  /// A supervisor has nothing left to do: what was laid hand on and serves is as any other.
  mutating func settled(_ node: Int, _ tree: SimulatedTree) {
    guard hands > 0 else { return }
    for child in tree.nodes[node].children where seen[child].isByHand && seen[child].isServing {
      seen[child].isByHand = false
      hands -= 1
    }
  }

  /// It is ended as if it had crashed: what it supervises, it stops.
  mutating func crashes(_ node: Int) {
    seen[node].isStopping = true
    seen[node].isServing = false
  }

  // A life, from its beginning to its end.

  /// - Returns: what may not be so; nothing when all is well.
  mutating func begins(_ node: Int, _ tree: SimulatedTree) -> [String] {
    var wrong: [String] = []
    let path = tree.nodes[node].path
    if seen[node].isAlive { wrong.append("\(path) runs twice at the same time") }
    if let parent = tree.nodes[node].parent {
      wrong += orderOfStart(node, parent, tree)
      wrong += reasonOfStart(node, parent, tree)
      seen[node].starts += 1
    }
    seen[node].isAlive = true
    seen[node].isServing = false
    seen[node].endedByItself = nil
    for child in tree.nodes[node].children { seen[child] = Seen() }
    seen[node].isStarted = false
    seen[node].isStopping = false
    seen[node].hasEscalated = false
    seen[node].decisions = []
    return wrong
  }

  private func orderOfStart(_ node: Int, _ parent: Int, _ tree: SimulatedTree) -> [String] {
    let path = tree.nodes[node].path
    guard seen[parent].isAlive else { return ["\(path) is started after its supervisor's end"] }
    if seen[parent].isStopping { return ["\(path) is started while its supervisor stops"] }
    if !seen[parent].isStarted {
      let earlier = tree.nodes[parent].children.filter { $0 < node }
      return earlier.filter { !seen[$0].hasServed }.map {
        "\(path) is started before \(tree.nodes[$0].path) has"
      }
    }
    guard tree.nodes[parent].plan?.strategy != .oneForOne, !seen[node].isByHand else { return [] }
    return tree.nodes[parent].children.filter {
      $0 > node && seen[$0].isAlive && !seen[$0].isByHand
    }
    .map { "\(path) is started again while \(tree.nodes[$0].path) still runs" }
  }

  private func reasonOfStart(_ node: Int, _ parent: Int, _ tree: SimulatedTree) -> [String] {
    let path = tree.nodes[node].path
    let rules = tree.nodes[node].rules
    if rules.restart == .temporary, seen[node].starts > 0 {
      return ["\(path) is temporary and started again"]
    }
    guard let exit = seen[node].endedByItself, !seen[node].isByHand else { return [] }
    // A failure while a group is stopped and started is no restart of its own.
    let isAlone = tree.nodes[parent].plan?.strategy == .oneForOne
    if isAlone ? !seen[node].isDecided : seen[parent].decisions.isEmpty {
      return ["\(path) is started again without a restart that counts"]
    }
    if isAlone, rules.restart == .transient, !exit.isAbnormal {
      return ["\(path) had done its work and is started again"]
    }
    return []
  }

  mutating func serves(_ node: Int, _ tree: SimulatedTree) -> [String] {
    seen[node].isServing = true
    seen[node].hasServed = true
    seen[node].isStarted = true
    let idle = tree.nodes[node].children.filter { !seen[$0].hasServed }
    return idle.map { "\(tree.nodes[node].path) has started, and \(tree.nodes[$0].path) never has" }
  }

  mutating func asked(_ node: Int, _ tree: SimulatedTree) -> [String] {
    seen[node].isStopping = true
    seen[node].isServing = false
    let path = tree.nodes[node].path
    guard let parent = tree.nodes[node].parent, !seen[node].isByHand else { return [] }
    if tree.nodes[parent].plan?.strategy == .oneForOne, !seen[parent].isStopping {
      return ["\(path) is stopped because of another child, one-for-one"]
    }
    return tree.nodes[parent].children.filter { $0 > node && seen[$0].isAlive }.map {
      "\(path) is stopped before \(tree.nodes[$0].path)"
    }
  }

  mutating func ends(
    _ node: Int, _ exit: ChildExit, isAsked: Bool, _ tree: SimulatedTree
  ) -> [String] {
    let path = tree.nodes[node].path
    var wrong = tree.nodes[node].children.filter { seen[$0].isAlive }.map {
      "\(tree.nodes[$0].path) runs after the end of \(path)"
    }
    if !seen[node].isAlive { wrong.append("\(path) ends and did not run") }
    seen[node].isAlive = false
    if let parent = tree.nodes[node].parent {
      if !isAsked {
        // What ends before it serves has failed, however it ends.
        seen[node].endedByItself =
          seen[node].isServing ? exit : .failure("it ended before it was started")
        seen[node].isDecided = false
      }
      // A child that cannot be started at first ends its supervisor.
      if !seen[node].hasServed, !seen[parent].isStarted { seen[parent].isStopping = true }
    }
    seen[node].isServing = false
    return wrong
  }

  // Restarts.

  mutating func reported(
    _ event: SupervisorEvent, _ node: Int, _ tree: SimulatedTree, _ now: MonotonicInstant
  ) -> [String] {
    guard let plan = tree.nodes[node].plan else { return [] }
    let path = tree.nodes[node].path
    switch event {
    case .restarting(let id, _, let restarts, let delay):
      let child = tree.child(id, of: node)
      var wrong: [String] = []
      seen[node].decisions.append(now)
      if recent(node, plan, now) > plan.intensity.restarts {
        wrong.append("\(path) restarts \(id) more often than its intensity allows")
      }
      seen[child].restarts += 1
      if seen[child].restarts != restarts {
        wrong.append("\(path)/\(id) had \(seen[child].restarts) restarts, not \(restarts)")
      }
      if tree.nodes[child].rules.restart == .temporary { wrong.append("\(id) is temporary") }
      if seen[child].isAlive { wrong.append("\(path)/\(id) is restarted and has not ended") }
      if delay > plan.backOff.maximum { wrong.append("\(path)/\(id) waits too long: \(delay)") }
      seen[child].isDecided = true
      return wrong
    case .escalated(let id, _, _, _):
      seen[node].hasEscalated = true
      seen[node].isStopping = true
      return recent(node, plan, now) == plan.intensity.restarts
        ? [] : ["\(path) gives up because of \(id) after \(recent(node, plan, now)) restarts"]
    case .childStarted, .childStartFailed, .childEnded, .childStopped, .shutdownTimedOut: return []
    }
  }

  private func recent(_ node: Int, _ plan: SupervisionPlan, _ now: MonotonicInstant) -> Int {
    seen[node].decisions.count { now - $0 <= plan.intensity.window }
  }

  func supervisorEnds(
    _ node: Int, _ exit: SupervisorExit, _ tree: SimulatedTree
  ) -> [String] {
    let path = tree.nodes[node].path
    switch exit {
    case .intensityReached where !seen[node].hasEscalated: return ["\(path) gave up for nothing"]
    case .startFailed where seen[node].isStarted: return ["\(path) had started already"]
    case .shutdown where seen[node].hasEscalated: return ["\(path) has failed and does not say so"]
    case .intensityReached, .startFailed, .shutdown: return []
    }
  }

  // At rest.

  /// What of a tree does not run although it should; nothing when all does.
  func unrest(_ tree: SimulatedTree) -> [String] {
    guard tree.isUp else { return ["\(tree.name) is down"] }
    return tree.nodes.indices.filter { !seen[$0].isServing && isOwed($0, tree) }.map {
      "\(tree.name) \(tree.nodes[$0].path) does not run"
    }
  }

  private func isOwed(_ node: Int, _ tree: SimulatedTree) -> Bool {
    guard let parent = tree.nodes[node].parent else { return true }
    guard seen[parent].isServing else { return false }
    switch tree.nodes[node].rules.restart {
    case .permanent: return true
    case .transient: return seen[node].endedByItself?.isAbnormal == true
    case .temporary: return false
    }
  }

  /// What a supervisor says of its children that is not so.
  func untruths(_ tree: SimulatedTree) -> [String] {
    var wrong: [String] = []
    for node in tree.nodes.indices {
      for status in tree.lives[node]?.machine?.status ?? [] {
        let child = seen[tree.child(status.id, of: node)]
        if (status.state == .running) != child.isServing || status.starts != child.starts
          || status.restarts != child.restarts
        {
          wrong.append(
            "\(tree.name) \(tree.nodes[node].path) says of \(status.id): \(status.state.rawValue), "
              + "\(status.starts) starts, \(status.restarts) restarts, which is not so")
        }
      }
    }
    return wrong
  }
}
