import ClusterModel
import ControlPlaneLogic
import EventReading
import EventRouting
import HostPorts
import Logging
import Metrics
import ModuleCatalog
import SupervisionRuntime

// Asking the logic, and waiting for its answer where one is: who comes from another thread is not led back over that
// of the decisions.
extension ControlPlane {
  /// Asks the catalog.
  nonisolated func ask(
    watching: (@Sendable (DeployProgress) -> Void)? = nil,
    _ input: (RequestID) -> Catalog.Input
  ) async throws(Problem) -> Catalog.Reply {
    let request = requestIDs.next()
    let question = input(request)
    switch await reply(to: request, watching: watching, .catalog(question)) {
    case .catalog(.refused(let problem)), .refused(let problem): throw problem
    case .catalog(let reply): return reply
    case .node: throw Self.unexpected
    }
  }

  nonisolated func reply(
    to request: RequestID, watching: (@Sendable (DeployProgress) -> Void)?,
    _ input: ControlPlaneLogic.Input
  ) async -> ControlPlaneLogic.Reply {
    await withCheckedContinuation { continuation in
      onThread { $0.begin(request, watching, input, continuation) }
    }
  }

  private func begin(
    _ request: RequestID, _ watching: (@Sendable (DeployProgress) -> Void)?,
    _ input: ControlPlaneLogic.Input,
    _ continuation: CheckedContinuation<ControlPlaneLogic.Reply, Never>
  ) {
    do throws(Problem) {
      try requireRunning()
    } catch {
      return continuation.resume(returning: .refused(error))
    }
    requests.wait(request, watching: watching, continuation)
    feed(input)
  }

  /// Hands an event to the router and waits until it is durable.
  ///
  /// - Parameter modules: have handled it already.
  func submit(
    _ event: Event, by principal: Principal, handledBy modules: Set<ModuleName> = []
  ) async throws(Problem) -> AppendedEvent {
    let data = try await data(of: event)
    let result = await withCheckedContinuation { continuation in
      receive(event, data, principal, modules, in: nil) { continuation.resume(returning: $0) }
    }
    return try result.get()
  }

  /// What the router needs of an event beside it. Nothing may happen between this and ``receive(_:_:_:_:in:then:)``.
  func data(of event: Event) async throws(Problem) -> JSONValue? {
    try requireRunning()
    guard logic.router.needsData(of: event) else { return nil }
    let data = await EventData.json(event.data)
    try requireRunning()
    return data
  }

  /// Hands an event to the router. What it refuses is answered before this returns.
  ///
  /// - Parameter answer: called when the event is durable, or never will be.
  func receive(
    _ event: Event, _ data: JSONValue?, _ principal: Principal, _ modules: Set<ModuleName>,
    in series: EventSeries?, then answer: @escaping (Result<AppendedEvent, Problem>) -> Void
  ) {
    let request = requestIDs.next()
    requests.waitForAppend(request, in: series, then: answer)
    feed(
      .events(
        modules.isEmpty
          ? .eventReceived(request, event, data: data, principal)
          : .handledEventReceived(request, event, data: data, principal, by: modules)))
  }

  /// Makes durable what a module has done on a node, under the right that it has to that when its turn has come.
  /// The events that come of it name the run that they come of as their cause.
  func commit(
    _ effects: ActivationEffects, of run: DeniedActivation, under claim: EffectClaim
  ) async throws(Problem) {
    try requireRunning()
    try await commit(effects, of: run.module, on: run.cause, by: run.node, under: claim)
  }

  /// Makes durable what an invocation did, before whoever waits hears of it.
  func commit(
    _ effects: ActivationEffects, of name: QualifiedName, on event: Event
  ) async throws(Problem) {
    try await commit(effects, of: name, on: event, by: nil, under: .none)
  }

  /// - Parameter node: whose claim it is; `nil` where the logic has taken in the end of the run, and with that its
  ///   effects.
  private func commit(
    _ effects: ActivationEffects, of name: QualifiedName, on event: Event, by node: NodeID?,
    under claim: EffectClaim
  ) async throws(Problem) {
    let offered = await offered(effects, by: name)
    guard phase == .running || phase == .stopping else { throw Self.interrupted }
    // What takes over begins after this: the log takes in one after the other.
    if let node { try require(claim, of: name, on: node) }
    let request = requestIDs.next()
    let problem = await withCheckedContinuation { continuation in
      requests.waitForCommit(request, continuation)
      feed(.events(.effectsOffered(request, name, event: event, offered)))
    }
    if let problem { throw problem }
  }

  private func require(
    _ claim: EffectClaim, of name: QualifiedName, on node: NodeID
  ) throws(Problem) {
    switch logic.judge(claim, of: name, on: node, at: clock.now()) {
    case .holds: return
    case .replaced: throw Problem.fenceReplaced
    case .over:
      noteRefusal(of: name, on: node)
      throw Problem.leaseOver
    }
  }

  /// Whoever does not know yet that another may serve claims again and again.
  private func noteRefusal(of name: QualifiedName, on node: NodeID) {
    refusedEffects.increment()
    let now = clock.now().monotonic
    guard let claims = refusedClaims.refuse(name, on: node, at: now) else { return }
    logger.warning(
      "effects were refused: what must stop when isolated may serve elsewhere",
      metadata: ["module": "\(name)", "node": "\(node)", "claims": "\(claims)"])
  }
}
