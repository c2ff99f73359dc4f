import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog

// The services of the control plane's tree, and what they do for its logic.
extension World {
  /// How long whatever needs a service waits for its next incarnation.
  static let patience = Duration.seconds(5)

  func isServing(_ service: ControlPlaneTree.Service) -> Bool {
    planeTree.isServing(service.rawValue)
  }

  /// Whether a new logic may be made from the stores: what an old one wrote is at its end.
  var canReadStores: Bool {
    isServing(.registry) && isServing(.bus) && !isDraining(.scheduler)
  }

  /// Whether a service that must end has something that comes to its end first.
  func isDraining(_ service: ControlPlaneTree.Service) -> Bool {
    func writes(_ store: ControlPlaneTree.Service) -> Bool {
      planeServices.writes[store, default: 0] > 0
    }
    return switch service {
    case .registry: writes(.registry)
    case .bus: writes(.bus)
    // Nothing of an old logic is written after a new one has read.
    case .scheduler: writes(.registry) || writes(.bus)
    case .verifiers, .router, .balancer, .attach, .heartbeats: false
    }
  }

  /// A service serves from now on.
  func begins(_ service: ControlPlaneTree.Service) {
    switch service {
    case .scheduler: startLogic()
    case .attach: links += 1
    case .registry, .verifiers, .bus, .router, .balancer, .heartbeats:
      for work in planeServices.takeWaiting(for: service) { begin(work) }
    }
  }

  /// A service must end, in order or as a crash: what it owned is gone.
  func ends(_ service: ControlPlaneTree.Service) {
    switch service {
    case .registry, .bus, .verifiers, .heartbeats: break
    case .scheduler: endLogic()
    case .router:
      for order in planeServices.takeDeliveries() { interrupt(order) }
    case .balancer:
      for order in planeServices.takeInvocations() { interrupt(order) }
    case .attach: closeLinks()
    }
  }

  private func interrupt(_ order: ActivationOrder) {
    switch order.purpose {
    case .delivery(let id, _):
      tellPlane(logicLife, .activationEnded(id, order.route, .interrupted))
    case .invocation(let request):
      callers.somethingIsWrongWithPlane(timeline.now)
      tellPlane(logicLife, .invocationEnded(request, order.route, .interrupted))
    }
  }

  /// Nothing that was sent to a node is waited for any more: the connection is asked to end it, and does.
  func abandonRuns(on node: NodeID) {
    guard let index = indexByNode[node], hasLink(index) else { return }
    for _ in endRuns(on: node) { coverage.count(.planeDirectiveAbandonRuns) }
  }

  /// Whoever waits for what went over a connection hears that it is no more, once for each.
  @discardableResult
  func endRuns(on node: NodeID) -> [ActivationOrder] {
    let orders = planeServices.takeSent(to: node)
    for order in orders { isLost(order) }
    return orders
  }

  /// It is said of something that was sent that nobody knows what became of it.
  func isLost(_ order: ActivationOrder) {
    let end: ControlPlaneLogic.Input =
      switch order.purpose {
      case .delivery(let id, _): .activationEnded(id, order.route, .interrupted)
      case .invocation(let request): .invocationEnded(request, order.route, .lost)
      }
    timeline.plan(
      .planeIsTold(life: logicLife, end), after: network.duration(upTo: .milliseconds(1)))
  }

  /// Has a service do something, now or when it is back.
  func use(_ work: PlaneWork) {
    if isServing(work.service) {
      begin(work)
    } else {
      let ticket = planeServices.wait(for: work)
      timeline.plan(
        .patienceEnds(process: planeTree.process, work.service, ticket), after: Self.patience)
    }
  }

  func patienceEnds(_ process: Int, _ service: ControlPlaneTree.Service, _ ticket: Int) {
    guard process == planeTree.process, let work = planeServices.giveUp(ticket, service) else {
      return
    }
    coverage.count(.planeServiceAwayTooLong)
    switch work {
    case .persist(let id, _): tellPlane(logicLife, .persistFailed(id, Self.away))
    case .append(let request, _):
      tellPlane(logicLife, .events(.appendFailed(request, Self.away)))
    case .record(let change):
      tellPlane(logicLife, .events(.recordFailed(change.delivery, Self.away)))
    case .commit(let request, _):
      tellPlane(logicLife, .events(.commitFailed(request, Self.away)))
    case .read(let order):
      guard planeServices.ends(order), case .delivery(let id, _) = order.purpose else { return }
      tellPlane(logicLife, .activationEnded(id, order.route, .eventUnreadable(Self.away)))
    case .deliver(let order), .invoke(let order): interrupt(order)
    case .verify(let request, _): operators.answered(request, .refused(Self.away), self)
    }
  }

  private static let away = Problem(
    .unavailable, code: "restarting", "a part of the control plane is being restarted",
    next: "Try again in a moment.")

  /// What works is what fails, more often than what idles.
  private func endanger(_ work: PlaneWork) {
    guard isEndangered, luckOfTrees.happens(0.02) else { return }
    let service = luckOfTrees.happens(0.3) ? .scheduler : work.service
    // Work that must wait for what is away too long is rare otherwise.
    if luckOfTrees.happens(0.1), let node = planeTree.index(of: service.rawValue) {
      timeline.plan(.isTakenDown(planeTree, process: planeTree.process, node), after: .zero)
    }
    timeline.plan(
      .strikes(.childCrash(.plane, service.rawValue)),
      after: luckOfTrees.duration(upTo: configuration.delay + configuration.diskDelay))
  }

  private func begin(_ work: PlaneWork) {
    endanger(work)
    let process = planeTree.process
    switch work {
    case .persist(let id, let changes):
      planeServices.writeBegins(.registry)
      timeline.plan(
        .changeWritten(process: process, life: logicLife, id, changes), after: diskWait())
    case .append(let request, let event):
      planeServices.writeBegins(.bus)
      timeline.plan(
        .eventWritten(process: process, life: logicLife, request, event), after: diskWait())
    case .record(let change):
      planeServices.writeBegins(.bus)
      timeline.plan(
        .changeOfDeliveryWritten(process: process, life: logicLife, change), after: diskWait())
    case .commit(let request, let effects):
      planeServices.writeBegins(.bus)
      timeline.plan(
        .effectsWritten(process: process, life: logicLife, request, effects), after: diskWait())
    case .deliver(let order):
      planeServices.begins(order)
      use(.read(order))
    case .read(let order): read(order)
    case .invoke(let order):
      planeServices.begins(order)
      self.order(order)
    case .verify(let request, let record):
      timeline.plan(
        .planeIsTold(life: logicLife, .catalog(.moduleVerified(request, record))),
        after: .microseconds(100))
    }
  }

  private func read(_ order: ActivationOrder) {
    guard planeServices.isUnderWay(order), case .delivery(let id, _) = order.purpose else { return }
    if troubles.contains(.diskIsSlow), disk.happens(0.5) {
      let problem = Problem(.unavailable, code: "log_busy", "the log is busy", next: "Try again.")
      guard planeServices.ends(order) else { return }
      timeline.plan(
        .planeIsTold(
          life: logicLife, .activationEnded(id, order.route, .eventUnreadable(problem))),
        after: .milliseconds(1))
      return
    }
    self.order(order)
  }

  /// All links are closed, which is no sign of anybody's death. Whoever had one hears of it, unless
  /// nothing gets through.
  func closeLinks() {
    links += 1
    for agent in agents {
      callers.somethingIsWrong(with: agent.node, timeline.now)
      endRuns(on: agent.node)
    }
    for index in agents.indices where agents[index].isConnected && !isCut(index, .toAgent) {
      timeline.plan(
        .linkFails(index, process: agents[index].process, connection: agents[index].connection),
        after: network.duration(upTo: configuration.delay))
    }
  }

  /// Whether an agent's way to the control plane is open at the control plane's end.
  func hasLink(_ index: Int) -> Bool {
    agents[index].link == links && isServing(.attach)
  }
}
