import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog

// What people and devices have run now, and wait for.
extension World {
  /// Somebody asks for a module to be run; some have little patience, some go away again.
  func call(_ module: QualifiedName) {
    let request = operators.nextRequest()
    let timeout: Duration? =
      calling.happens(0.5) ? calling.duration(in: .milliseconds(20) ... .seconds(3)) : nil
    let options = InvocationOptions(timeout: timeout, isIdempotent: calling.happens(0.3))
    let configuration = plane?.catalog.placed[module]?.deployment.configuration
    let wall = configuration?.limits.wallTime ?? .zero
    callers.asks(
      request,
      Callers.Call(
        module: module,
        isIdempotent: options.isIdempotent || configuration?.isIdempotent == true,
        askedAt: timeline.now,
        event: Event(
          id: "call-\(request.number)", source: "/caller", type: "call",
          topic: Topic(unchecked: "calls")),
        deadline: timeline.now
          + (timeout ?? wall + InvocationOptions.defaultPatience).nanosecondCount))
    tellPlane(logicLife, .invocationRequested(request, InvocationWish(module, options)))
    guard calling.happens(0.02) else { return }
    timeline.plan(
      .planeIsTold(life: logicLife, .invocationWithdrawn(request)),
      after: calling.duration(upTo: .milliseconds(100)))
  }

  /// What a caller is about to be told has taken place is made durable before, as the host of the logic does it.
  func offer(_ answer: Callers.Answer) {
    let request = operators.nextRequest()
    callers.offers(request, answer)
    let offered = EventRouter.OfferedEffects(
      answer.effects, data: answer.effects.published.map { _ in nil })
    timeline.plan(
      .planeIsTold(
        life: logicLife,
        .events(
          .effectsOffered(request, answer.call.module, event: answer.call.event, offered))),
      after: .microseconds(50))
  }

  /// One that can be asked, if there is any.
  func deployedModule() -> QualifiedName {
    let deployed = plane?.catalog.placed.filter {
      $0.value.deployment.configuration.kind != .service
    }
    return calling.element(of: deployed?.keys.sorted() ?? []) ?? anyModule()
  }

  /// Each node has too much to do for a second now and then.
  func isOverloaded(_ index: Int) -> Bool {
    isTroubled && (timeline.now / 1_000_000_000 + Int64(index)) % 7 == 0
  }

  /// There is no way to a node.
  func isUnreachable(_ order: ActivationOrder) {
    guard planeServices.ends(order) else { return }
    callers.somethingIsWrong(with: order.route.node, timeline.now)
    let end: ControlPlaneLogic.Input
    switch order.purpose {
    case .delivery(let id, let offset):
      guard let event = log.events[offset] else {
        checker.fail("event \(offset) is not in the log", self)
        return
      }
      end = .activationEnded(id, order.route, self.end(event, .failed(.unavailable)))
    case .invocation(let request):
      end = .invocationEnded(request, order.route, .notRun(.unreachable))
    }
    timeline.plan(.planeIsTold(life: logicLife, end), after: .milliseconds(1))
  }

  /// What was sent to a node, or its answer, has no way there any more. Mostly that is noticed at once; otherwise
  /// there is no answer before the deadline, or before the node is taken for lost or comes over another connection.
  func loses(_ order: ActivationOrder) {
    guard calling.happens(0.7), planeServices.ends(order) else { return }
    callers.somethingIsWrong(with: order.route.node, timeline.now)
    isLost(order)
  }

  /// How an attempt ended, as the host of the logic would say it.
  func invocationEnd(_ outcome: ActivationOutcome) -> InvocationEnd {
    switch outcome {
    case .succeeded: .answered(isFaultOfNode: false)
    case .failed(.overloaded): .notRun(.overloaded)
    case .failed(.unavailable): .notRun(.notServed)
    case .failed(let code): .answered(isFaultOfNode: code == .internalError)
    }
  }
}
