import ClusterModel
import EventRouting
import ModuleCatalog
import NodeTracking
import Scheduling

// Between the catalog, which wants, and the planner, which places.
extension ControlPlaneLogic {
  /// Tells the catalog what has happened.
  mutating func tell(
    _ input: Catalog.Input, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    var steps: [PlacementPlanner.Step] = []
    for directive in catalog.handle(input, at: now) {
      switch directive {
      case .persist(let id, let changes): directives.append(.persist(id, changes))
      case .reply(let request, let reply):
        directives.append(.reply(request, .catalog(reply)))
        planner?.letAnswersPass(now)
      case .progress(let request, let step): directives.append(.progress(request, step))
      case .startPlacement(let deployment, let record, let request):
        planner?.want(deployment, record, isDeployed: request == nil, now)
      case .promotePlacement(let id):
        planner?.promote(id, &steps)
        announceScale(of: id, now, &directives)
        announce(.deploymentChange, "module/\(id.name)", now, &directives) {
          ["generation": .integer(Int64(id.generation)), "deployed": .bool(true)]
        }
      case .retainPlacement(let id): planner?.retain(id, &steps)
      case .stopPlacement(let id): planner?.drop(id, &steps)
      case .withdrawPlacement(let id):
        planner?.drop(id, &steps)
        announce(.deploymentChange, "module/\(id.name)", now, &directives) {
          ["generation": .integer(Int64(id.generation)), "deployed": .bool(false)]
        }
      case .route(let deployments):
        mayServe = true
        route(.deploymentsChanged(deployments), now, &random, &directives)
      case .routeReadiness(let name, let isReady):
        mayServe = true
        route(.readinessChanged(name, isReady: isReady), now, &random, &directives)
      }
    }
    take(steps, now, &random, &directives)
  }

  /// Carries on with what the planner found.
  mutating func take(
    _ steps: [PlacementPlanner.Step], _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    if !steps.isEmpty { mayServe = true }
    // Plans are made already, and nodes wait for them; what is told of them can wait.
    for case .send(let node, let message) in steps {
      if case .plan = message { standingPlans.planned(node, at: now.monotonic) }
      directives.append(.send(node, message))
    }
    var changes: [PlacementChange] = []
    for step in steps {
      switch step {
      case .began, .ended, .send: break
      case _: tell(&changes, &directives)
      }
      switch step {
      case .ready(let id): tell(.placementReady(id), now, &random, &directives)
      case .lost(let id): tell(.placementLost(id), now, &random, &directives)
      case .failed(let deployment, let problem):
        if problem.category == .refused {
          // What a node refused for the sake of security is on record.
          tell(
            .securityEventOccurred(Self.refusal(of: deployment, problem, now)), now, &random,
            &directives)
        }
        tell(.placementFailed(deployment.placement, problem), now, &random, &directives)
      case .failedOn(let node, let id, let problem):
        announce(.moduleFailure, "module/\(id.name)", now, &directives) {
          [
            "node": .string("\(node)"), "generation": .integer(Int64(id.generation)),
            "code": .string(problem.code), "message": .string(problem.message),
          ]
        }
      case .send: break
      case .drained(let node): track(.drainCompleted(node), now, &random, &directives)
      case .nodeAtFault(let node): judge(node, true, now, &random, &directives)
      case .began(let id, let node):
        balancer.serves(id, on: node)
        changes.append(change(of: id, node, serves: true, now))
      case .ended(let id, let node):
        balancer.forget(id, on: node)
        changes.append(change(of: id, node, serves: false, now))
      case .failedOver(let failover):
        lastEvent += 1
        directives.append(.failedOver(failover, "\(term).\(lastEvent)"))
      }
    }
    tell(&changes, &directives)
    // What the catalog made of it may have changed what is wanted.
    guard !steps.isEmpty, planner?.hasChanged == true else { return }
    var more: [PlacementPlanner.Step] = []
    planner?.settle(now, &more)
    take(more, now, &random, &directives)
  }

  private static func refusal(
    of deployment: Deployment, _ problem: Problem, _ now: Instants
  ) -> SecurityEvent {
    SecurityEvent(
      kind: .placementRefused, at: now.wall, principal: .system,
      namespace: deployment.namespace, subject: "\(deployment.name)@\(deployment.version)",
      reason: problem.code, detail: problem.message)
  }

  /// A node did, or did not, what it was asked to.
  mutating func judge(
    _ node: NodeID, _ isFaultOfNode: Bool, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    breakers.record(isFaultOfNode ? .failure : .success, of: node, at: now, using: &random)
    tellBreaker(of: node, now, &directives)
  }

  /// Says that a breaker has opened, or is open no more, if something else was said last. A back-off
  /// may be over for a while before anybody looks.
  mutating func tellBreaker(
    of node: NodeID, _ now: Instants, _ directives: inout [Directive]
  ) {
    let isOpen = breakers.isOpen(node, at: now.monotonic)
    guard isOpen != brokenNodes.contains(node) else { return }
    if isOpen { brokenNodes.insert(node) } else { brokenNodes.remove(node) }
    planner?.scheduler.setBreaker(open: isOpen, of: node)
    announce(.nodeState, "node/\(node)", now, &directives) { ["breakerOpen": .bool(isOpen)] }
  }

  /// A new generation may be wanted on another number of nodes than the one before it.
  private mutating func announceScale(
    of id: PlacementID, _ now: Instants, _ directives: inout [Directive]
  ) {
    let generations = catalog.history[id.name] ?? []
    guard let index = generations.lastIndex(where: { $0.generation == id.generation }) else {
      return
    }
    let wanted = generations[index].configuration.placement.replicas
    let before = index > 0 ? generations[index - 1].configuration.placement.replicas : 0
    guard wanted != before else { return }
    let serving = planner?.serving(id).count ?? 0
    announce(.scaleEvent, "module/\(id.name)", now, &directives) {
      [
        "generation": .integer(Int64(id.generation)), "from": .integer(Int64(before)),
        "replicas": .integer(Int64(wanted)), "serving": .integer(Int64(serving)),
      ]
    }
  }

  private mutating func change(
    of id: PlacementID, _ node: NodeID, serves: Bool, _ now: Instants
  ) -> PlacementChange {
    defer { lastEvent += PlacementChange.messageCount }
    return PlacementChange(
      id: id, node: node, serves: serves, serving: planner?.serving(id).count ?? 0, term: term,
      number: lastEvent + 1, at: now.wall)
  }

  private func tell(_ changes: inout [PlacementChange], _ directives: inout [Directive]) {
    guard !changes.isEmpty else { return }
    directives.append(.announceChanges(changes))
    changes = []
  }

  mutating func announce(
    _ kind: EventMessage.Kind, _ target: String, _ now: Instants,
    _ directives: inout [Directive], payload: () -> [String: JSONValue]
  ) {
    lastEvent += 1
    let id = "\(term).\(lastEvent)"
    directives.append(
      .announce(
        EventMessage(
          id: id, type: kind, source: "/control-plane", target: target, payload: payload(),
          correlationID: id, timestamp: now.wall)))
  }
}
