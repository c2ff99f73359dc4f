import ClusterModel
import ControlPlaneLogic
import NodeAgentLogic
import Supervision

// What the services of trees do: how they start, fail and end, and what that means for the rest.
extension World {
  /// Whether services go wrong by themselves now.
  var isEndangered: Bool { isTroubled && configuration.childCrashEvery != nil }

  func serviceBegins(_ tree: SimulatedTree, _ node: Int, _ number: Int) {
    let wait = luckOfTrees.duration(upTo: configuration.serviceStart)
    var happening = TreeHappening.serves
    if isEndangered, luckOfTrees.happens(chanceOfFailedStart(tree, node)) {
      happening = .ends(
        luckOfTrees.happens(0.8) ? .failure("what it needs is not there") : .normal)
    }
    plan(happening, tree, node, number, after: wait)
  }

  private func chanceOfFailedStart(_ tree: SimulatedTree, _ node: Int) -> Double {
    switch tree.owner {
    case .drill, .agent: return configuration.childStartFailure
    case .plane:
      switch ControlPlaneTree.Service(rawValue: tree.nodes[node].path) {
      case .registry, .bus, .scheduler:
        if troubles.contains(.diskIsFull) { return 0.6 }
        return troubles.contains(.diskIsSlow) ? 0.2 : configuration.childStartFailure / 4
      case .verifiers, .router, .balancer, .attach, .heartbeats, nil:
        return configuration.childStartFailure / 4
      }
    }
  }

  func serviceServes(_ tree: SimulatedTree, _ node: Int, _ life: SimulatedTree.Life) {
    guard life.phase == .starting else { return }
    if tree.owner == .plane, tree.nodes[node].path == ControlPlaneTree.Service.scheduler.rawValue,
      !canReadStores
    {
      let isPatient = timeline.now - life.begunAt < Self.patience.nanosecondCount
      plan(
        isPatient ? .serves : .ends(.failure("a store is away")), tree, node, life.number,
        after: .milliseconds(10))
      return
    }
    tree.lives[node]?.phase = .serving
    check(tree.checker.serves(node, tree), tree)
    switch tree.owner {
    case .plane:
      if let service = ControlPlaneTree.Service(rawValue: tree.nodes[node].path) { begins(service) }
    case .agent(let index):
      if tree.nodes[node].path == AgentTree.Service.agent.rawValue { startAgent(index) }
    case .drill: planEnd(tree, node, life.number)
    }
    // The logic of an agent may have ended the process.
    guard tree.life(node, life.number) != nil, let parent = tree.nodes[node].parent else { return }
    feed(tree, parent, .childStarted(life.incarnation))
  }

  /// A service of a drill works for a while, and then ends in some way.
  private func planEnd(_ tree: SimulatedTree, _ node: Int, _ number: Int) {
    guard isEndangered else { return }
    let exit: ChildExit =
      switch luckOfTrees.next() % 8 {
      case 0: .normal
      case 1: .shutdown
      case _: .failure("it broke")
      }
    plan(
      .fails(exit), tree, node, number,
      after: luckOfTrees.interval(mean: configuration.serviceLife))
  }

  /// A service must end: what it owned is gone; then it releases the rest, and has ended.
  func serviceStops(_ tree: SimulatedTree, _ node: Int, _ number: Int, canHang: Bool) {
    switch tree.owner {
    case .plane:
      if let service = ControlPlaneTree.Service(rawValue: tree.nodes[node].path) { ends(service) }
    case .agent(let index):
      if tree.nodes[node].path == AgentTree.Service.agent.rawValue { stopAgent(index, tree) }
    case .drill: break
    }
    guard tree.life(node, number) != nil else { return }
    let exit = luckOfTrees.happens(0.1) ? ChildExit.failure("it did not end well") : .shutdown
    if canHang, isEndangered, luckOfTrees.happens(chanceToHang(tree)) {
      note("\(tree.name) \(tree.nodes[node].path) does not stop")
      guard tree.owner.isDrill else { return }
      plan(
        .ends(exit), tree, node, number,
        after: luckOfTrees.duration(in: .milliseconds(500) ... .seconds(3)))
      return
    }
    plan(
      .ends(exit), tree, node, number, after: luckOfTrees.duration(upTo: configuration.serviceStart)
    )
  }

  private func chanceToHang(_ tree: SimulatedTree) -> Double { tree.owner.isDrill ? 0.1 : 0.02 }

  func serviceEnds(
    _ tree: SimulatedTree, _ node: Int, _ life: SimulatedTree.Life, _ exit: ChildExit
  ) {
    if tree.owner == .plane, life.phase == .ending,
      let service = ControlPlaneTree.Service(rawValue: tree.nodes[node].path), isDraining(service)
    {
      plan(.ends(exit), tree, node, life.number, after: .milliseconds(2))
      return
    }
    ended(tree, node, exit)
  }

  // The process.

  /// The root has ended, and so does the process; it is started again, by the launcher or by hand.
  func processEnded(_ tree: SimulatedTree, _ exit: ChildExit) {
    coverage.count(exit.isAbnormal ? .treeProcessFailed : .treeProcessStopped)
    note("\(tree.name) process \(tree.process) has ended: \(exit)")
    lose(tree)
    relaunchLater(tree)
  }

  /// A service does not end and cannot be ended from outside: the whole process is.
  func giveUp(_ tree: SimulatedTree, _ why: String) {
    coverage.count(.treeProcessGivenUp)
    note("\(tree.name) process \(tree.process) is given up: \(why)")
    lose(tree)
    relaunchLater(tree)
  }

  private func relaunchLater(_ tree: SimulatedTree) {
    timeline.plan(
      .processBegins(tree, after: tree.process), after: luckOfTrees.duration(upTo: .seconds(1)))
  }

  private func lose(_ tree: SimulatedTree) {
    switch tree.owner {
    case .plane: crashPlane()
    case .agent(let index): crashAgent(index)
    case .drill: tree.endProcess()
    }
  }

  func relaunch(_ tree: SimulatedTree) {
    guard !tree.isUp else { return }
    switch tree.owner {
    case .plane: startPlane()
    case .agent(let index): bootAgent(index)
    case .drill: launch(tree)
    }
  }
}

extension SimulatedTree.Owner {
  var isDrill: Bool {
    switch self {
    case .drill: true
    case .plane, .agent: false
    }
  }
}
