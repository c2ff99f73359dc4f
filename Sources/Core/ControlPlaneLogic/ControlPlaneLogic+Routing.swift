public import ClusterModel
import EventRouting
import ModuleCatalog
import NodeTracking
import Scheduling

// Where events and invocations run.
extension ControlPlaneLogic {
  /// Tells the router what has happened, and finds a node for what it begins.
  mutating func route(
    _ input: EventRouter.Input, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    for directive in router.handle(input, at: now, using: &random) {
      if case .giveUp(let id) = directive, let route = balancer.giveUp(id, at: now.monotonic) {
        judge(route.node, true, now, &random, &directives)
      }
      guard case .activate(let id, let offset, let name, let generation, let attempt) = directive
      else {
        directives.append(.events(directive))
        continue
      }
      if var route = findRoute(PlacementID(name, generation: generation), now, &random) {
        lastRun += 1
        route.run = lastRun
        balancer.began(id, route, at: now.monotonic)
        directives.append(.activate(id, offset, route, attempt: attempt))
      } else {
        route(.activationLost(id), now, &random, &directives)
      }
    }
  }

  /// Where a module runs right now, by node.
  public func routes(of name: QualifiedName) -> [Route] {
    guard let planner, let id = catalog.placed[name]?.deployment.placement else { return [] }
    return planner.serving(id).compactMap { node in
      planner.works[id]?.seats[node].map { Route(node: node, placement: id, fence: $0.fence) }
    }
  }

  /// Where something could run.
  ///
  /// - Parameters:
  ///   - refusals: what would not have it.
  ///   - mayReturn: whether it may go to one of these when there is no other.
  ///   - place: where the caller is, if that was said.
  mutating func findRoute(
    _ id: PlacementID, avoiding refusals: [Invocations.Refusal] = [], mayReturn: Bool = true,
    from place: CallerPlace? = nil, _ now: Instants, _ random: inout some RandomNumberGenerator
  ) -> Route? {
    planner?.listServing(id)
    guard let planner, let work = planner.works[id], work.isCurrent, let serving = work.serving
    else { return nil }
    func choose(avoiding refusals: [Invocations.Refusal]) -> NodeID? {
      balancer.choose(
        id, among: serving, at: now.monotonic, using: &random,
        estimate: { node in
          configuration.entry.flatMap { planner.scheduler.roundTrip(from: $0, to: node) }
        },
        way: place.map { place in { planner.scheduler.roundTrip(from: place, to: $0) } },
        fitness: { node in
          guard let fence = work.seats[node]?.fence else { return .unfit }
          let isRefused = refusals.contains(Invocations.Refusal(node: node, fence: fence))
          return isRefused ? .unfit : fitness(of: node, planner)
        })
    }
    var chosen = choose(avoiding: refusals)
    if chosen == nil, mayReturn, !refusals.isEmpty { chosen = choose(avoiding: []) }
    guard let node = chosen, let fence = work.seats[node]?.fence else { return nil }
    return Route(node: node, placement: id, fence: fence)
  }

  /// Nodes in doubt, and those whose breaker is open, only when there is nothing better.
  private func fitness(of node: NodeID, _ planner: PlacementPlanner) -> LoadBalancer.Fitness {
    if planner.scheduler.availability(of: node) == .suspect { return .doubtful }
    return switch breakers.state(of: node) {
    case .closed: .fit
    case .halfOpen: balancer.running(on: node) == 0 ? .onTrial : .doubtful
    case .open: .doubtful
    }
  }

  mutating func ended(
    _ id: DeliveryID, _ route: Route, _ end: ActivationEnd, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    // From a node that was given up meanwhile it counts no more: the event runs elsewhere.
    guard balancer.ended(id, route, isMeasured: end.hasRun, at: now.monotonic) else {
      if case .finished = end { directives.append(.noteLateAnswer(id, route)) }
      return
    }
    switch end {
    case .finished(let event, let result, let data, let effects):
      judge(route.node, Self.isFaultOfNode(result), now, &random, &directives)
      self.route(
        .activationFinished(id, event: event, result, data: data, effects: effects), now, &random,
        &directives)
    case .eventUnreadable(let problem):
      self.route(.eventUnreadable(id, problem), now, &random, &directives)
    case .interrupted: self.route(.activationLost(id), now, &random, &directives)
    }
  }

  private static func isFaultOfNode(_ result: Result<[UInt8], ActivationFailure>) -> Bool {
    switch result {
    case .success: false
    case .failure(let failure): failure.code == .internalError
    }
  }

  /// What ran on a node that is gone: events run again elsewhere; of invocations those that may.
  mutating func loseRuns(
    on node: NodeID, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    let lost = balancer.lose(node)
    for (request, route) in lost.invocations {
      directives.append(.endInvocation(request, route))
      mayHaveRun(request, on: node, &directives)
    }
    for delivery in lost.deliveries { route(.activationLost(delivery), now, &random, &directives) }
  }
}

extension ActivationEnd {
  /// Whether it ran: then how long it took says something about where.
  fileprivate var hasRun: Bool {
    switch self {
    case .finished(_, .success, _, _): true
    case .finished(_, .failure(let failure), _, _):
      failure.code != .overloaded && failure.code != .unavailable
    case .eventUnreadable, .interrupted: false
    }
  }
}
