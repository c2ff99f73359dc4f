import ClusterModel
import NodeAgentLogic
import Supervision

// What is done to trees: crashes, and the hands of operators.
extension World {
  func planTreeTrouble() {
    guard let mean = configuration.childCrashEvery else { return }
    let at = timeline.now + luckOfTrees.interval(mean: mean).nanosecondCount
    if at < healAt { timeline.plan(.treeIsTroubled, at: at) }
  }

  func tree(of owner: SimulatedTree.Owner) -> SimulatedTree {
    switch owner {
    case .plane: planeTree
    case .agent(let index): agentTrees[index]
    case .drill(let index): drillTrees[index]
    }
  }

  /// Something happens to a node of some tree.
  func troubleTree() {
    planTreeTrouble()
    let tree = anyTree()
    let node = anyNode(of: tree)
    switch luckOfTrees.index(below: 20) {
    case 0, 1: layHand(on: node, of: tree, restart: true)
    case 2, 3: takeDown(node, of: tree)
    case 4: ask(tree, SimulatedTree.root, canHang: false)
    case _: strike(.childCrash(tree.owner, tree.nodes[node].path))
    }
  }

  private func anyTree() -> SimulatedTree {
    switch luckOfTrees.index(below: 10) {
    case 0, 1, 2: agentTrees[luckOfTrees.index(below: agentTrees.count)]
    case 3, 4: luckOfTrees.element(of: drillTrees) ?? planeTree
    case _: planeTree
    }
  }

  /// What is unwell is restarted more often than what is well.
  func endangerStuck(_ index: Int) {
    guard isEndangered, luckOfTrees.happens(0.8) else { return }
    let service: AgentTree.Service = luckOfTrees.happens(0.5) ? .engine : .agent
    timeline.plan(
      .strikes(.childCrash(.agent(index), service.rawValue)),
      after: luckOfTrees.duration(upTo: .seconds(2)))
  }

  /// What has just come back goes again more often than what is there for long.
  func endangerNew(_ index: Int) {
    guard isEndangered, luckOfTrees.happens(0.3) else { return }
    timeline.plan(
      .strikes(.childCrash(.agent(index), AgentTree.Service.agent.rawValue)),
      after: luckOfTrees.duration(upTo: .milliseconds(100)))
  }

  /// A service, or now and then a supervisor; never the root.
  private func anyNode(of tree: SimulatedTree) -> Int {
    if luckOfTrees.happens(0.15) { return 1 + luckOfTrees.index(below: tree.nodes.count - 1) }
    return luckOfTrees.element(of: tree.services) ?? SimulatedTree.root + 1
  }

  /// Ends a service or a supervisor as if it had crashed.
  ///
  /// - Returns: whether there was one that ran.
  func crashChild(_ tree: SimulatedTree, _ node: Int) -> Bool {
    if case .agent(let index) = tree.owner, agents[index].isFrozen { return false }
    guard isTroubled, let life = tree.lives[node], life.phase != .ending, !life.isAsked,
      !life.isKilled
    else {
      return false
    }
    tree.lives[node]?.isKilled = true
    tree.checker.crashes(node)
    stop(tree, node, life.number, canHang: false)
    return true
  }

  /// Somebody takes it down, for a moment or for longer than others have patience.
  func takeDown(_ node: Int, of tree: SimulatedTree) {
    layHand(on: node, of: tree, restart: false)
    timeline.plan(
      .handIsLaid(tree, process: tree.process, node),
      after: luckOfTrees.duration(upTo: luckOfTrees.happens(0.5) ? .seconds(20) : .seconds(1)))
  }

  private func layHand(on node: Int, of tree: SimulatedTree, restart: Bool) {
    guard let parent = tree.nodes[node].parent, tree.lives[parent] != nil else { return }
    tree.checker.byHand(node)
    if restart {
      tree.takenDown.removeAll { $0 == node }
      feed(tree, parent, .restartRequested(tree.nodes[node].rules.id))
    } else {
      if !tree.takenDown.contains(node) { tree.takenDown.append(node) }
      feed(tree, parent, .terminateRequested(tree.nodes[node].rules.id))
    }
  }

  /// Whoever took it down starts it again.
  func bringBack(_ tree: SimulatedTree, _ node: Int) {
    if tree.takenDown.contains(node) { layHand(on: node, of: tree, restart: true) }
  }

  func healTrees() {
    for tree in allTrees {
      for node in tree.takenDown { bringBack(tree, node) }
      relaunch(tree)
    }
  }
}
