import ClusterModel
import NodeAgentLogic
import NodeTracking
import Supervision

// The agents' processes.
extension World {
  /// The process begins; when its agent serves, it is started.
  func bootAgent(_ index: Int) {
    agents[index].isFrozen = false
    agents[index].clock = randomClock()
    launch(agentTrees[index])
  }

  /// The service begins: a new incarnation.
  func startAgent(_ index: Int) {
    var agent = agents[index]
    agent.process += 1
    agent.isUp = true
    agent.connection += 1
    agent.forgetEverything()
    hands.agentEnded(index)
    // Now and then a machine comes back with a clock, and so a start number, of before.
    let isBackward =
      isTroubled && agent.process > 2 && faults.happens(configuration.backwardStart)
    var settings = NodeAgentLogic.Configuration()
    settings.heartbeatInterval = configuration.heartbeatInterval
    agent.logic = NodeAgentLogic(
      registration: NodeRegistration(
        node: agent.node,
        incarnation: Incarnation(UInt64(isBackward ? 1 : agent.process)),
        location: agent.location, capabilities: agent.capabilities,
        punctuality: agent.punctuality), configuration: settings)
    agents[index] = agent
    if isBackward { timeline.plan(.fault(.agentCrash(index)), after: .seconds(2)) }
    if agent.process > 1 { endangerNew(index) }
    tellAgent(index, agent.process, .started)
  }

  /// The process is gone, with everything in it.
  func crashAgent(_ index: Int) {
    guard agentTrees[index].isUp else { return }
    note("the process of \(agents[index].node) is gone")
    agentTrees[index].endProcess()
    loseAgent(index, isProcessGone: true)
  }

  /// The service must end. When all of the process is stopped it takes its leave; otherwise it is gone.
  func stopAgent(_ index: Int, _ tree: SimulatedTree) {
    if tree.lives[SimulatedTree.root]?.machine?.state == .stopping {
      tellAgent(index, agents[index].process, .stopRequested)
    } else {
      loseAgent(index, isProcessGone: false)
    }
  }

  private func loseAgent(_ index: Int, isProcessGone: Bool) {
    guard agents[index].isUp else { return }
    let agent = agents[index]
    note("agent \(agent.node) is gone")
    callers.somethingIsWrong(with: agent.node, timeline.now)
    let hadLink = agent.isConnected && hasLink(index)
    agents[index].isUp = false
    agents[index].process += 1
    agents[index].connection += 1
    agents[index].forgetEverything()
    hands.agentEnded(index)
    checker.agentChanged(index, self)
    // A crash of the process is witnessed, the loss of the machine is not.
    guard hadLink, !isCut(index, .toPlane), faults.happens(isProcessGone ? 0.7 : 0.4) else {
      return
    }
    timeline.plan(
      .planeLearnsOfDeath(
        life: logicLife, agent.node, agent.logic.incarnation,
        isProcessGone && faults.happens(0.5) ? .processEnded : .connectionClosed),
      after: network.duration(upTo: configuration.delay))
  }

  func wakeAgent(_ index: Int, _ process: Int) {
    let agent = agents[index]
    guard agent.process == process, agent.isUp else { return }
    if agent.wakesAt == timeline.now { agents[index].wakesAt = nil }
    guard let deadline = agent.logic.nextDeadline,
      deadline <= agent.clock.instants(at: timeline.now).monotonic
    else {
      setAgentAlarm(index)
      return
    }
    tellAgent(index, process, .deadlineReached)
  }

  func tellAgent(_ index: Int, _ process: Int, _ input: NodeAgentLogic.Input) {
    guard agents[index].process == process, agents[index].isUp else { return }
    guard !agents[index].isFrozen else {
      // It comes in when the machine goes on; the alarm is looked at then anyway.
      if case .deadlineReached = input { return }
      if agents[index].backlog.count < 1000 {
        agents[index].backlog.append(.agentIsTold(index, process: process, input))
      }
      return
    }
    coverage.count(input)
    note("\(agents[index].node) <- \(describe(input))")
    let now = agents[index].clock.instants(at: timeline.now)
    let directives = agents[index].logic.handle(input, at: now, using: &decisions)
    agents[index].takeHands(input)
    for directive in directives {
      coverage.count(directive)
      note("\(agents[index].node) -> \(describe(directive))")
      carryOut(directive, index)
    }
    checker.agentChanged(index, self)
    checkBeside(input, index)
    if !pendingMoves.isEmpty { measureMoves() }
    setAgentAlarm(index)
  }

  /// What is looked at when all that was decided is done: vitals are measured in the midst of it.
  private func checkBeside(_ input: NodeAgentLogic.Input, _ index: Int) {
    if case .vitalsMeasured = input { return }
    check(agents[index].wrongsByHand)
    check(evictions.serves(agents[index], at: timeline.now))
  }

  private func setAgentAlarm(_ index: Int) {
    let agent = agents[index]
    guard agent.isUp, !agent.isFrozen, let deadline = agent.logic.nextDeadline else { return }
    let at = max(agent.clock.time(of: deadline), timeline.now)
    if let set = agent.wakesAt, set <= at { return }
    agents[index].wakesAt = at
    timeline.plan(.agentWakes(index, process: agent.process), at: at)
  }

  private func carryOut(_ directive: NodeAgentLogic.Directive, _ index: Int) {
    switch directive {
    case .openLink: openLink(index)
    case .send(let message):
      checker.reported(message, index, self)
      send(message, from: index)
    case .measureVitals:
      if !agents[index].isStuck { agents[index].progress += 1 }
      tellAgent(index, agents[index].process, .vitalsMeasured(vitals(of: index)))
    case .prepare(let id, let order): prepare(id, order, index)
    case .renew(let order, let source): renew(order, from: source, index)
    case .discard(let placement):
      agents[index].prepared[placement] = nil
      agents[index].preparing[placement] = nil
      agents[index].orders[placement] = nil
    case .serve(let placement, let fence): agents[index].serving[placement] = fence
    case .pause(let placement): agents[index].serving[placement] = nil
    case .startService(let run): startService(run, index)
    case .stopService(let run): stopService(run, index)
    case .killService(let run): killService(run, index)
    case .recall: recall(index)
    case .keepStanding(let sealed): agents[index].standing = sealed.plan
    case .remember(let version): agents[index].remembered = version
    case .report(.obeysAlone(let version, _)): checker.obeysAlone(version, index, self)
    case .answer(let request, let result): answeredByHand(index, request, result)
    case .readKeys: readKeys(index)
    case .report: break
    case .end:
      agents[index].isUp = false
      agents[index].process += 1
      agents[index].forgetEverything()
      hands.agentEnded(index)
    }
  }

  /// The disk is asked what the node was told last.
  private func recall(_ index: Int) {
    let agent = agents[index]
    timeline.plan(
      .agentIsTold(
        index, process: agent.process, .recalled(agent.standing, seen: agent.remembered)),
      after: disk.duration(upTo: configuration.diskDelay))
  }

  private func vitals(of index: Int) -> Vitals {
    let agent = agents[index]
    guard
      let load = try? NodeLoad(
        cpuPercent: min(100, Double(agent.running) * 5), memoryPercent: 10,
        activeModules: agent.serving.count)
    else { preconditionFailure("the shares are within 0 and 100") }
    return Vitals(
      progress: agent.progress, isBusy: agent.running > 0 || agent.isStuck, load: load)
  }

  private func prepare(_ id: PreparationID, _ order: PlacementOrder, _ index: Int) {
    agents[index].preparing[id.placement] = id
    agents[index].prepared[id.placement] = nil
    agents[index].orders[id.placement] = order
    checker.prepareBegan(order, index, self)
    var problem: Problem?
    if isTroubled, guests.happens(configuration.prepareFailure) {
      problem =
        guests.happens(0.2)
        ? Problem(.invalidInput, code: "module_invalid", "it is no module", next: "Build it again.")
        : Problem(.unavailable, code: "fetch_failed", "it did not arrive", next: "Try again.")
    }
    timeline.plan(
      .preparationEnds(index, process: agents[index].process, id, problem),
      after: guests.duration(upTo: configuration.prepareDelay))
  }

  private func renew(_ order: PlacementOrder, from source: PlacementID, _ index: Int) {
    checker.renewed(order, from: agents[index].prepared[source], index, self)
    agents[index].prepared[order.placement] = order
    agents[index].orders[order.placement] = order
  }

  func endPreparation(_ index: Int, _ process: Int, _ id: PreparationID, _ problem: Problem?) {
    guard agents[index].process == process else { return }
    if agents[index].isFrozen {
      timeline.plan(
        .preparationEnds(index, process: process, id, problem), after: .milliseconds(50))
      return
    }
    if agents[index].preparing[id.placement] == id {
      agents[index].preparing[id.placement] = nil
      if problem == nil, let order = agents[index].orders[id.placement] {
        agents[index].prepared[id.placement] = order
      }
    }
    tellAgent(
      index, process, problem.map { .placementFailed(id, $0) } ?? .placementPrepared(id))
    // What a hand wanted and could not be made ready nobody discards.
    if problem != nil, !agents[index].isHeldByHand(id.placement),
      !agents[index].isPlanned(id.placement)
    {
      agents[index].orders[id.placement] = nil
    }
  }
}
