import ClusterModel
import NodeAgentLogic

// What goes wrong, and how it ends.
extension World {
  /// Plans the first of each kind.
  func planFaults() {
    for (fault, mean) in kinds { planNext(fault, mean) }
  }

  private var kinds: [(Fault, Duration)] {
    let all: [(Fault, Duration?)] = [
      (.partition([], .both), configuration.partitionEvery),
      (.agentCrash(-1), configuration.agentCrashEvery),
      (.agentFreeze(-1), configuration.agentFreezeEvery),
      (.workersStuck(-1), configuration.agentFreezeEvery),
      (.planeCrash, configuration.planeCrashEvery),
      (.diskIsFull, configuration.diskTroubleEvery),
      (.diskIsSlow, configuration.diskTroubleEvery),
      (.silence, configuration.silenceEvery),
    ]
    return all.compactMap { fault, mean in mean.map { (fault, $0) } }
  }

  private func planNext(_ fault: Fault, _ mean: Duration) {
    let at = timeline.now + faults.interval(mean: mean).nanosecondCount
    if at < healAt { timeline.plan(.fault(fault), at: at) }
  }

  /// Begins a fault. One that names nobody hits somebody, and another of its kind follows.
  func begin(_ fault: Fault) {
    if let mean = kinds.first(where: { $0.0 == fault })?.1 { planNext(fault, mean) }
    let fault = aim(fault)
    guard strike(fault) else { return }
    switch fault {
    case .agentCrash, .planeCrash:
      // It is started again; only heal() knows of those that are not up in time.
      timeline.plan(.faultEnds(fault), after: faults.duration(upTo: .seconds(3)))
    case .childCrash: break
    case .agentFreeze, .workersStuck, .partition, .diskIsFull, .diskIsSlow, .silence:
      timeline.plan(.faultEnds(fault), after: faults.interval(mean: .milliseconds(1500)))
    }
  }

  /// Begins a fault that says whom it hits.
  ///
  /// - Returns: whether it did: some things cannot go wrong twice.
  @discardableResult
  func strike(_ fault: Fault) -> Bool {
    guard !troubles.contains(fault) else { return false }
    note("fault begins: \(fault)")
    coverage.count(fault)
    endanger(fault)
    switch fault {
    case .agentCrash(let index):
      crashAgent(index)
      return true
    case .planeCrash:
      guard planeTree.isUp else { return false }
      crashPlane()
      return true
    case .childCrash(let owner, let path):
      let tree = tree(of: owner)
      return tree.index(of: path).map { crashChild(tree, $0) } ?? false
    case .agentFreeze(let index):
      guard agents[index].isUp else { return false }
      beginMove(from: index)
      agents[index].isFrozen = true
      checker.agentChanged(index, self)
    case .workersStuck(let index):
      agents[index].isStuck = true
      endangerStuck(index)
    case .partition, .diskIsFull, .diskIsSlow, .silence: break
    }
    troubles.insert(fault)
    return true
  }

  private func aim(_ fault: Fault) -> Fault {
    let index = faults.index(below: agents.count)
    switch fault {
    case .partition(let members, _) where members.isEmpty:
      let direction: Fault.Direction =
        switch faults.next() % 3 {
        case 0: .toAgent
        case 1: .toPlane
        case _: .both
        }
      // One node, or all of a fault domain.
      if faults.happens(0.6) { return .partition([index], direction) }
      let first = index / 5 * 5
      return .partition(Array(first..<min(first + 5, agents.count)), direction)
    case .agentCrash(-1):
      // What is unwell is restarted more often than what is well.
      let stuck = agents.indices.filter { agents[$0].isStuck }
      if let unwell = faults.element(of: stuck), faults.happens(0.7) { return .agentCrash(unwell) }
      return .agentCrash(index)
    case .agentFreeze(-1): return .agentFreeze(index)
    case .workersStuck(-1): return .workersStuck(index)
    case .partition, .agentCrash, .agentFreeze, .workersStuck, .planeCrash, .diskIsFull,
      .diskIsSlow, .silence, .childCrash:
      return fault
    }
  }

  func end(_ fault: Fault) {
    note("fault ends: \(fault)")
    troubles.remove(fault)
    endanger(fault)
    switch fault {
    case .agentCrash(let index):
      relaunch(agentTrees[index])
      crashSoon(index)
    case .planeCrash: relaunch(planeTree)
    case .agentFreeze(let index):
      thaw(index)
      crashSoon(index)
    case .workersStuck(let index):
      agents[index].isStuck = false
      crashSoon(index)
    case .partition(let members, _):
      for index in members { crashSoon(index) }
    case .diskIsFull, .diskIsSlow, .silence, .childCrash: break
    }
  }

  /// Whoever is hit may not be heard, or not be taken for what they are, for a while.
  private func endanger(_ fault: Fault) {
    switch fault {
    case .agentCrash(let index), .agentFreeze(let index), .workersStuck(let index):
      callers.somethingIsWrong(with: agents[index].node, timeline.now)
    case .partition(let members, _):
      for index in members { callers.somethingIsWrong(with: agents[index].node, timeline.now) }
    case .planeCrash, .diskIsFull, .diskIsSlow, .silence, .childCrash:
      callers.somethingIsWrongWithPlane(timeline.now)
    }
  }

  /// What was unwell tends to crash, often before anybody has found out that it is back.
  private func crashSoon(_ index: Int) {
    guard faults.happens(0.4) else { return }
    let soon = faults.duration(upTo: .milliseconds(faults.happens(0.5) ? 40 : 400))
    let at = timeline.now + soon.nanosecondCount
    if at < healAt { timeline.plan(.fault(.agentCrash(index)), at: at) }
  }

  private func thaw(_ index: Int) {
    guard agents[index].isFrozen else { return }
    endMove(from: index)
    agents[index].isFrozen = false
    let process = agents[index].process
    // Its timers are late: they come first.
    if let deadline = agents[index].logic.nextDeadline,
      deadline <= agents[index].clock.instants(at: timeline.now).monotonic
    {
      tellAgent(index, process, .deadlineReached)
    }
    let backlog = agents[index].backlog
    agents[index].backlog = []
    for happening in backlog { happen(happening) }
    timeline.plan(.agentWakes(index, process: process), after: .zero)
  }

  /// Ends all trouble: from now on everything works.
  func heal() {
    note("everything is healed")
    for fault in troubles.sorted(by: { "\($0)" < "\($1)" }) { end(fault) }
    for index in agents.indices where agents[index].logic.isRefused { crashAgent(index) }
    for index in agents.indices { joinAgain(index) }
    healTrees()
  }
}
