import ClusterModel
import Supervision

// Processes with their supervision trees: messages, time, and what `Supervisor` machines decide.
extension World {
  var allTrees: [SimulatedTree] { [planeTree] + agentTrees + drillTrees }

  /// A process begins.
  func launch(_ tree: SimulatedTree) {
    tree.beginProcess()
    note("\(tree.name) process \(tree.process) begins")
    check(tree.checker.begins(SimulatedTree.root, tree), tree)
    let life = tree.beginLife(
      SimulatedTree.root, ChildIncarnation("main", 1), at: timeline.now)
    plan(.told(.startRequested), tree, SimulatedTree.root, life, after: .zero)
  }

  func plan(
    _ happening: TreeHappening, _ tree: SimulatedTree, _ node: Int, _ life: Int,
    after wait: Duration
  ) {
    timeline.plan(.inTree(tree, node, life: life, happening), after: wait)
  }

  func happen(_ happening: TreeHappening, _ tree: SimulatedTree, _ node: Int, _ number: Int) {
    guard let life = tree.life(node, number) else { return }
    if case .agent(let index) = tree.owner, agents[index].isFrozen {
      plan(happening, tree, node, number, after: .milliseconds(50))
      return
    }
    switch happening {
    case .told(let input): feed(tree, node, input)
    case .wakes: wake(tree, node, life)
    case .serves: serviceServes(tree, node, life)
    case .ends(let exit): serviceEnds(tree, node, life, exit)
    case .fails(let exit):
      // What was to go wrong after the healing does not.
      if isTroubled, life.phase == .serving { ended(tree, node, exit) }
    }
  }

  func feed(_ tree: SimulatedTree, _ node: Int, _ input: Supervisor.Input) {
    guard let number = tree.lives[node]?.number else { return }
    coverage.count(input)
    note("\(tree.name) \(tree.nodes[node].path) <- \(describe(input))")
    let directives =
      tree.lives[node]?.machine?.handle(input, at: instants(of: tree), using: &luckOfTrees) ?? []
    for directive in directives {
      // A service that cannot be ended may have ended the whole process.
      guard tree.life(node, number) != nil else { return }
      coverage.count(directive)
      note("\(tree.name) \(tree.nodes[node].path) -> \(describe(directive))")
      carryOut(directive, tree, node, number)
    }
    if tree.lives[node]?.machine?.state == .running { tree.checker.settled(node, tree) }
    setAlarm(tree, node)
  }

  private func carryOut(
    _ directive: Supervisor.Directive, _ tree: SimulatedTree, _ node: Int, _ number: Int
  ) {
    switch directive {
    case .startChild(let incarnation):
      start(incarnation, tree, tree.child(incarnation.child, of: node))
    case .stopChild(let incarnation, _):
      ask(tree, tree.child(incarnation.child, of: node), canHang: true)
    case .killChild(let incarnation): kill(tree, tree.child(incarnation.child, of: node))
    case .report(let event):
      if case .restarting = event, let plan = tree.nodes[node].plan {
        coverage.count(plan.strategy)
      }
      check(
        tree.checker.reported(event, node, tree, instants(of: tree).monotonic), tree)
    case .started:
      check(tree.checker.serves(node, tree), tree)
      tree.lives[node]?.phase = .serving
      guard let parent = tree.nodes[node].parent, let life = tree.lives[node],
        let above = tree.lives[parent]
      else { return }
      plan(.told(.childStarted(life.incarnation)), tree, parent, above.number, after: .zero)
    case .ended(let exit):
      check(tree.checker.supervisorEnds(node, exit, tree), tree)
      // The one above hears of it from an inbox, as in the program.
      plan(.ends(Self.exit(exit)), tree, node, number, after: .zero)
    }
  }

  private static func exit(_ exit: SupervisorExit) -> ChildExit {
    switch exit {
    case .shutdown: .shutdown
    case .startFailed(let child, let reason): .failure("\(child) could not be started: \(reason)")
    case .intensityReached(let child, _): .failure("\(child) had to be restarted too often")
    }
  }

  private func start(_ incarnation: ChildIncarnation, _ tree: SimulatedTree, _ node: Int) {
    check(tree.checker.begins(node, tree), tree)
    let life = tree.beginLife(node, incarnation, at: timeline.now)
    if tree.nodes[node].plan == nil {
      serviceBegins(tree, node, life)
    } else {
      plan(.told(.startRequested), tree, node, life, after: .zero)
    }
  }

  /// Asks a node to end; whether it is as if it had crashed is in its life.
  func ask(_ tree: SimulatedTree, _ node: Int, canHang: Bool) {
    guard let life = tree.lives[node], !life.isAsked else { return }
    tree.lives[node]?.isAsked = true
    check(tree.checker.asked(node, tree), tree)
    // It ends already: as a crash.
    guard life.phase != .ending else { return }
    stop(tree, node, life.number, canHang: canHang)
  }

  func stop(_ tree: SimulatedTree, _ node: Int, _ number: Int, canHang: Bool) {
    if tree.nodes[node].plan == nil {
      tree.lives[node]?.phase = .ending
      serviceStops(tree, node, number, canHang: canHang)
    } else {
      plan(.told(.stopRequested), tree, node, number, after: .zero)
    }
  }

  private func kill(_ tree: SimulatedTree, _ node: Int) {
    guard let life = tree.lives[node] else { return }
    guard life.isAsked else {
      ask(tree, node, canHang: false)
      return
    }
    switch tree.owner {
    // A module in Wasm, say: it can be ended from outside.
    case .drill: plan(.ends(.failure("killed")), tree, node, life.number, after: .microseconds(50))
    // A service in Swift cannot: the process is given up.
    case .plane, .agent: giveUp(tree, "\(tree.nodes[node].path) is stuck")
    }
  }

  /// A node has ended: its supervisor hears of it.
  func ended(_ tree: SimulatedTree, _ node: Int, _ exit: ChildExit) {
    guard let life = tree.lives[node] else { return }
    let exit = life.isKilled ? ChildExit.failure("killed") : exit
    check(tree.checker.ends(node, exit, isAsked: life.isAsked, tree), tree)
    tree.lives[node] = nil
    guard let parent = tree.nodes[node].parent else {
      processEnded(tree, exit)
      return
    }
    coverage.count(exit)
    if !life.isAsked { coverage.count(tree.nodes[node].rules.restart) }
    if case .failure(let reason) = exit, life.phase == .starting, life.machine == nil {
      feed(tree, parent, .childStartFailed(life.incarnation, reason: reason))
    } else {
      feed(tree, parent, .childEnded(life.incarnation, exit))
    }
  }

  // Time.

  func instants(of tree: SimulatedTree) -> Instants {
    clock(of: tree).instants(at: timeline.now)
  }

  private func clock(of tree: SimulatedTree) -> SimulatedClock {
    switch tree.owner {
    case .plane: planeClock
    case .agent(let index): agents[index].clock
    case .drill: SimulatedClock(rate: 1, bootedAt: 0, skew: 0)
    }
  }

  private func wake(_ tree: SimulatedTree, _ node: Int, _ life: SimulatedTree.Life) {
    // It may be late: the machine may have stood still.
    if let set = life.wakesAt, set <= timeline.now { tree.lives[node]?.wakesAt = nil }
    if let deadline = life.machine?.nextDeadline, deadline <= instants(of: tree).monotonic {
      feed(tree, node, .deadlineReached)
    } else {
      setAlarm(tree, node)
    }
  }

  private func setAlarm(_ tree: SimulatedTree, _ node: Int) {
    guard let life = tree.lives[node], let deadline = life.machine?.nextDeadline else { return }
    let at = max(clock(of: tree).time(of: deadline), timeline.now)
    if let set = life.wakesAt, set <= at { return }
    tree.lives[node]?.wakesAt = at
    timeline.plan(.inTree(tree, node, life: life.number, .wakes), at: at)
  }

  func check(_ wrong: [String], _ tree: SimulatedTree) {
    for wrong in wrong { checker.fail("\(tree.name): \(wrong)", self) }
  }
}

extension SimulatedTree {
  /// For people.
  var name: String {
    switch owner {
    case .plane: "control plane"
    case .agent(let index): "agent \(index)"
    case .drill(let index): "drill \(index)"
    }
  }
}
