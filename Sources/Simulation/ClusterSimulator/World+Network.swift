import ClusterModel
import ControlPlaneLogic
import EventRouting
import NodeAgentLogic
import NodeTracking

// What lies between the control plane and its agents.
extension World {
  /// Whether nothing gets through in a direction.
  func isCut(_ index: Int, _ direction: Fault.Direction) -> Bool {
    for trouble in troubles {
      switch trouble {
      case .silence: return true
      case .partition(let members, let cut):
        if cut == .both || cut == direction, members.contains(index) { return true }
      case .agentCrash, .agentFreeze, .planeCrash, .diskIsFull, .diskIsSlow, .workersStuck,
        .childCrash:
        break
      }
    }
    return false
  }

  private func wait() -> Duration {
    var wait = network.duration(upTo: configuration.delay)
    if configuration.straggling > .zero, isTroubled, network.happens(0.02) {
      wait += network.duration(upTo: configuration.straggling)
    }
    return wait
  }

  var isTroubled: Bool { timeline.now < healAt }

  /// How often a datagram arrives.
  private func arrivals() -> Int {
    guard isTroubled else { return 1 }
    if network.happens(configuration.loss) { return 0 }
    return network.happens(configuration.duplication) ? 2 : 1
  }

  func send(_ message: ControlMessage, to node: NodeID) {
    guard let index = indexByNode[node], hasLink(index), !isCut(index, .toAgent) else { return }
    for _ in 0..<arrivals() {
      timeline.plan(
        .agentHears(index, connection: agents[index].connection, message), after: wait())
    }
  }

  func send(_ message: AgentMessage, from index: Int) {
    guard !isCut(index, .toPlane) else { return }
    guard hasLink(index) else {
      // Nobody listens there.
      timeline.plan(
        .linkFails(index, process: agents[index].process, connection: agents[index].connection),
        after: wait())
      return
    }
    if case .heartbeat = message, !isServing(.heartbeats) { return }
    for _ in 0..<arrivals() {
      timeline.plan(
        .planeHears(message, connection: agents[index].connection, index), after: wait())
    }
  }

  func agentHears(_ index: Int, _ connection: Int, _ message: ControlMessage) {
    guard agents[index].connection == connection else { return }
    tellAgent(index, agents[index].process, .controlPlaneSpoke(message))
  }

  func planeHears(_ message: AgentMessage, _ connection: Int, _ index: Int) {
    // A datagram needs no connection; it may come from a process that is gone.
    if case .heartbeat(let heartbeat) = message { return take(.heartbeat(heartbeat)) }
    if case .attached = message, !mayAttach(index) { return }
    tellPlane(logicLife, .agentSpoke(message))
  }

  /// An agent opens a link.
  func openLink(_ index: Int) {
    let process = agents[index].process
    if !isServing(.attach) || isCut(index, .both) || isCut(index, .toAgent)
      || isCut(index, .toPlane)
    {
      timeline.plan(
        .linkFails(index, process: process, connection: agents[index].connection),
        after: .milliseconds(50) + wait())
    } else {
      timeline.plan(.linkOpens(index, process: process), after: wait() + wait())
    }
  }

  func linkOpens(_ index: Int, _ process: Int) {
    guard agents[index].process == process, agents[index].isUp else { return }
    guard isServing(.attach) else {
      linkFails(index, process, agents[index].connection)
      return
    }
    guard isLetIn(index) else {
      agents[index].isConnected = false
      tellAgent(index, process, .linkRefused)
      return
    }
    agents[index].connection += 1
    // It takes the place of the one before.
    endRuns(on: agents[index].node)
    callers.somethingIsWrong(with: agents[index].node, timeline.now)
    agents[index].isConnected = true
    agents[index].link = links
    tellAgent(index, process, .linkOpened(heartbeatInterval: nil))
  }

  func linkFails(_ index: Int, _ process: Int, _ connection: Int) {
    guard agents[index].process == process, agents[index].connection == connection else { return }
    agents[index].isConnected = false
    callers.somethingIsWrong(with: agents[index].node, timeline.now)
    tellAgent(index, process, .linkClosed)
  }

  // Activations go over the connection: they arrive, however late, or the connection is gone.

  func order(_ order: ActivationOrder) {
    guard let index = indexByNode[order.route.node], hasLink(index) else {
      isUnreachable(order)
      return
    }
    planeServices.isSent(order)
    // Of a process that is gone, the end of its connection may be heard first.
    guard agents[index].isUp || calling.happens(0.5) else {
      loses(order)
      return
    }
    arrive(.activationArrives(index, connection: agents[index].connection, order))
  }

  private func arrive(_ happening: Happening) { timeline.plan(happening, after: wait()) }

  func beginActivation(_ index: Int, _ connection: Int, _ order: ActivationOrder) {
    let agent = agents[index]
    guard agent.isUp, agent.connection == connection else {
      loses(order)
      return
    }
    guard !isCut(index, .toAgent), !agent.isFrozen else {
      timeline.plan(
        .activationArrives(index, connection: connection, order), after: .milliseconds(100))
      return
    }
    guard agent.logic.serves(order.route.placement, under: order.route.fence) else {
      endActivation(index, agent.process, connection, order, .failed(.unavailable))
      return
    }
    if agent.serving[order.route.placement] != order.route.fence {
      coverage.count(.activationBegunBeforeItsPlan)
      checker.beginsBeforeItsPlan(order.route, agent, self)
    }
    if case .invocation(let request) = order.purpose {
      if isOverloaded(index) {
        endActivation(index, agent.process, connection, order, .failed(.overloaded))
        return
      }
      callers.begins(request, self)
    }
    agents[index].running += 1
    let outcome: ActivationOutcome
    if isTroubled, guests.happens(configuration.guestFailure) {
      outcome = .failed(guests.happens(0.2) ? .internalError : .guestTrapped)
    } else {
      outcome = .succeeded(effects(of: order))
    }
    timeline.plan(
      .activationEnds(index, process: agent.process, connection: connection, order, outcome),
      after: guestTime())
  }

  /// Now and then something waits long for a worker: some modules are given up meanwhile.
  private func guestTime() -> Duration {
    let isHeldUp = isTroubled && publishing.happens(0.01)
    return guests.duration(upTo: isHeldUp ? .seconds(4) : .milliseconds(20))
  }

  func endActivation(
    _ index: Int, _ process: Int, _ connection: Int, _ order: ActivationOrder,
    _ outcome: ActivationOutcome
  ) {
    guard agents[index].process == process else {
      loses(order)
      return
    }
    guard !agents[index].isFrozen, !agents[index].isStuck else {
      timeline.plan(
        .activationEnds(index, process: process, connection: connection, order, outcome),
        after: .milliseconds(100))
      return
    }
    agents[index].running = max(0, agents[index].running - 1)
    agents[index].progress += 1
    arrive(.outcomeArrives(index, connection: connection, order, outcome))
  }

  func takeOutcome(
    _ index: Int, _ connection: Int, _ order: ActivationOrder, _ outcome: ActivationOutcome
  ) {
    guard agents[index].connection == connection else {
      loses(order)
      return
    }
    guard !isCut(index, .toPlane) else {
      timeline.plan(
        .outcomeArrives(index, connection: connection, order, outcome), after: .milliseconds(100))
      return
    }
    // Whoever began it may have been restarted since.
    guard planeServices.ends(order) else { return }
    switch order.purpose {
    case .delivery(let id, let offset):
      guard let event = log.events[offset] else {
        checker.fail("event \(offset) is not in the log", self)
        return
      }
      tellPlane(logicLife, .activationEnded(id, order.route, end(event, outcome)))
    case .invocation(let request):
      let end = invocationEnd(outcome)
      if case .answered = end {
        let effects: ActivationEffects =
          if case .succeeded(let effects) = outcome { effects } else { .none }
        callers.outcomeArrives(request, order.route, effects)
      }
      tellPlane(logicLife, .invocationEnded(request, order.route, end))
    }
  }

  func end(_ event: Event, _ outcome: ActivationOutcome) -> ActivationEnd {
    switch outcome {
    case .succeeded(let effects):
      .finished(
        event, .success([1]), data: nil,
        effects: EventRouter.OfferedEffects(
          effects, data: effects.published.map { readings[$0.data] }))
    case .failed(let code):
      .finished(
        event, .failure(ActivationFailure(code: code, message: code.rawValue)), data: nil)
    }
  }

  /// What a guest wants done: to be counted, under the number of its run, and of some to publish.
  private func effects(of order: ActivationOrder) -> ActivationEffects {
    guard case .delivery(_, let offset) = order.purpose else {
      return callers.effects(of: order)
    }
    guard let event = log.events[offset] else { return .none }
    let module = order.route.placement.name.name
    var effects = ActivationEffects(
      writes: DeliveryChecker.writes(event, module, run: order.run))
    if module.text.hasSuffix("module\(Self.publishingModule)"), publishing.happens(0.5) {
      effects.published = [
        GuestPublish(
          topic: Topic(unchecked: "results/\(publishing.index(below: 2))"),
          subject: randomSubject(), data: randomReading().bytes)
      ]
    }
    deliveries.offers(effects, run: order.run)
    return effects
  }
}
