import ClusterModel
import ModuleCatalog

// Invocations: where each runs, and again where (``Invocations`` says whether and when).
extension ControlPlaneLogic {
  mutating func invoke(
    _ request: RequestID, _ wish: InvocationWish, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    if let problem = obstacle(to: wish.module) {
      directives.append(.refuseInvocation(request, problem))
      return
    }
    guard let configuration = catalog.placed[wish.module]?.deployment.configuration else { return }
    invocations.take(request, wish, configuration, now)
    guard !place(request, now, &random, &directives), !invocations.hasRoom else { return }
    refuse(request, Invocations.noRoom, &directives)
  }

  /// Why a module cannot run, now or soon; `nil` when it does or will.
  private func obstacle(to module: QualifiedName) -> Problem? {
    guard let placed = catalog.placed[module] else {
      return Problem(
        .notFound, code: "not_deployed", "module \(module) is not deployed",
        next: "See what is with `wasmatrix ps`, or deploy it with `wasmatrix deploy APP.yaml`.")
    }
    if case .failed(let problem) = placed.state { return problem }
    guard placed.deployment.configuration.placement.replicas > 0 else {
      return Problem(
        .conflict, code: "scaled_to_zero", "module \(module) has 0 replicas: it serves nowhere",
        next: "Give it some with `wasmatrix scale \(module.name) 1`.")
    }
    return nil
  }

  /// Sends one where it can run.
  ///
  /// - Returns: whether there is such a place; otherwise it goes on waiting.
  private mutating func place(
    _ request: RequestID, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) -> Bool {
    guard let invocation = invocations[request],
      let id = catalog.placed[invocation.module]?.deployment.placement,
      var route = findRoute(
        id, avoiding: invocation.refusals, from: invocation.place, now, &random)
    else { return false }
    lastRun += 1
    route.run = lastRun
    balancer.began(request, route, at: now.monotonic)
    invocations.began(request, route)
    directives.append(.invoke(request, route, attempt: invocation.runs + 1))
    return true
  }

  private mutating func refuse(
    _ request: RequestID, _ problem: Problem, _ directives: inout [Directive]
  ) {
    directives.append(.refuseInvocation(request, invocations.truth(request, problem)))
    invocations.end(request)
  }

  /// An attempt has ended. One that was given up meanwhile counts no more: its fence and its run are not
  /// those that are waited for.
  mutating func ended(
    _ request: RequestID, _ route: Route, _ end: InvocationEnd, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    guard balancer.ended(request, route, isMeasured: end.hasRun, at: now.monotonic) else { return }
    switch end {
    case .answered(let isFaultOfNode):
      judge(route.node, isFaultOfNode, now, &random, &directives)
      invocations.end(request)
      directives.append(.answerInvocation(request, route))
    case .notRun(let refusal):
      if refusal == .unreachable { judge(route.node, true, now, &random, &directives) }
      tryElsewhere(request, route, refusal, now, &random, &directives)
    case .lost:
      judge(route.node, true, now, &random, &directives)
      mayHaveRun(request, on: route.node, &directives)
    case .interrupted: mayHaveRun(request, on: route.node, &directives)
    }
  }

  private mutating func tryElsewhere(
    _ request: RequestID, _ route: Route, _ refusal: InvocationRefusal, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    invocations.note(Invocations.Refusal(node: route.node, fence: route.fence), of: request)
    guard let invocation = invocations[request] else { return }
    let other = catalog.placed[invocation.module].flatMap {
      findRoute(
        $0.deployment.placement, avoiding: invocation.refusals, mayReturn: false,
        from: invocation.place, now, &random)
    }
    switch invocations.notRun(
      request, route, refusal, hasOther: other != nil, now, using: &random)
    {
    case .again: _ = place(request, now, &random, &directives)
    case .later: break
    case .refused(let problem): refuse(request, problem, &directives)
    }
  }

  /// It was under way on a node, and is no more.
  mutating func mayHaveRun(
    _ request: RequestID, on node: NodeID, _ directives: inout [Directive]
  ) {
    switch invocations.mayHaveRun(request, on: node) {
    // What serves is known when all that follows from it was decided.
    case .again: mayServe = true
    case .later: break
    case .refused(let problem): refuse(request, problem, &directives)
    }
  }

  mutating func withdraw(
    _ request: RequestID, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let invocation = invocations[request] else { return }
    if case .underWay(let route) = invocation.stage,
      balancer.ended(request, route, isMeasured: false, at: now.monotonic)
    {
      directives.append(.endInvocation(request, route))
    }
    invocations.end(request)
    directives.append(
      .refuseInvocation(
        request,
        Problem(
          .unavailable, code: "cancelled", "whoever asked went away", next: "Ask again.")))
  }

  /// Sends what waits where it can run now, or says that it never will.
  mutating func callWaiting(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    guard mayServe else { return }
    mayServe = false
    for module in invocations.awaited {
      let problem = obstacle(to: module)
      for request in invocations.waiting(for: module) {
        if let problem {
          refuse(request, problem, &directives)
        } else if !place(request, now, &random, &directives) {
          break
        }
      }
    }
  }

  /// Sends again what has waited long enough, and answers what has waited too long.
  mutating func wakeInvocations(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    for due in invocations.due(now) {
      switch due {
      case .again: mayServe = true
      case .late(let request, let route, let problem):
        if let route, balancer.ended(request, route, isMeasured: true, at: now.monotonic) {
          directives.append(.endInvocation(request, route))
          // The node should have ended it before; a caller may have less patience than that.
          if invocations[request]?.isTimeoutOfCaller == false {
            judge(route.node, true, now, &random, &directives)
          }
        }
        refuse(request, problem, &directives)
      }
    }
  }
}

extension InvocationEnd {
  /// Whether it ran, or may have: then how long it took says something about where.
  fileprivate var hasRun: Bool {
    switch self {
    case .answered, .lost: true
    case .notRun, .interrupted: false
    }
  }
}
