import ClusterModel
import ControlPlaneLogic

/// People and devices that wait for a module to run, and what they may hear.
///
/// - What does harm when it is done twice runs once at most.
/// - An answer is that of a run that came to its end, and whose outcome arrived before it was given up.
/// - Nobody hears that it is not known what became of it while it is, nor without a cause.
/// - Everyone has an answer at their deadline, or the control plane they asked is gone.
/// - What a module did for them inside the platform takes place once when they hear that it was done, once at
///   most when they hear nothing, and never when they hear anything else; and only of the run that counts.
struct Callers {
  struct Call {
    let module: QualifiedName
    let isIdempotent: Bool
    let askedAt: Int64
    let event: Event
    /// Of virtual time; the control plane's clock may be a little wrong.
    let deadline: Int64
    /// Where it was sent last.
    var route: Route?
    /// Wherever it was sent.
    var nodes: Set<NodeID> = []
    /// What nodes began to run.
    var begun = 0
  }

  /// A call whose answer was taken, and what is to be done before it is told.
  struct Answer {
    let request: RequestID
    let call: Call
    let effects: ActivationEffects
  }

  private struct Arrived {
    let route: Route
    let effects: ActivationEffects
  }

  /// How often the effects of a call may have taken place in the end.
  enum Times {
    case never, once, onceAtMost

    func allow(_ times: Int) -> Bool {
      switch self {
      case .never: times == 0
      case .once: times == 1
      case .onceAtMost: times <= 1
      }
    }
  }

  private(set) var waiting: [RequestID: Call] = [:]
  private(set) var answered = 0
  /// Answers that have arrived, and are neither given up nor taken.
  private var arrived: [RequestID: Arrived] = [:]
  /// What is being made durable before the caller hears of it, by the number under which it is.
  var offered: [RequestID: Answer] = [:]
  var times: [RequestID: Times] = [:]
  /// When something last went wrong that can hide an outcome, by node, and of the control plane.
  private var troubled: [NodeID: Int64] = [:]
  private var planeTroubled: Int64?

  /// What a clock that is wrong, and an alarm that comes late, may add.
  private static let slack = Duration.seconds(1).nanosecondCount
  /// How far back a cause may lie: a node is taken for lost some time after it fell silent.
  private static let memory = Duration.seconds(10).nanosecondCount

  mutating func asks(_ request: RequestID, _ call: Call) {
    waiting[request] = call
    times[request] = .never
  }

  mutating func isSent(_ request: RequestID, _ route: Route) {
    waiting[request]?.route = route
    waiting[request]?.nodes.insert(route.node)
    arrived[request] = nil
  }

  mutating func isGivenUp(_ request: RequestID, _ route: Route) {
    if arrived[request]?.route == route { arrived[request] = nil }
  }

  /// A node begins to run it.
  mutating func begins(_ request: RequestID, _ world: World) {
    guard var call = waiting[request] else { return }
    call.begun += 1
    waiting[request] = call
    guard call.begun > 1 else { return }
    world.coverage.count(.invocationRunAgain)
    if !call.isIdempotent {
      world.checker.fail("invocation \(request.number) runs twice and may not", world)
    }
  }

  mutating func outcomeArrives(
    _ request: RequestID, _ route: Route, _ effects: ActivationEffects
  ) {
    if waiting[request]?.route == route {
      arrived[request] = Arrived(route: route, effects: effects)
    }
  }

  /// - Returns: what is to be done before the caller hears of it, if there is anything.
  mutating func isAnswered(_ request: RequestID, _ route: Route, _ world: World) -> Answer? {
    guard let call = end(request, world) else { return nil }
    let arrival = arrived.removeValue(forKey: request)
    guard let arrival, arrival.route == route, call.route == route, call.begun > 0 else {
      world.checker.fail("invocation \(request.number) is answered with what is none", world)
      return nil
    }
    guard !arrival.effects.isEmpty else { return nil }
    return Answer(request: request, call: call, effects: arrival.effects)
  }

  mutating func isRefused(_ request: RequestID, _ problem: Problem, _ world: World) {
    let hasArrived = arrived.removeValue(forKey: request) != nil
    guard let call = end(request, world) else { return }
    switch problem.code {
    case "outcome_unknown":
      world.coverage.count(.invocationOutcomeUnknown)
      if call.route == nil || hasArrived || !hasCause(call, world) {
        world.checker.fail(
          "invocation \(request.number): nobody knows what became of it, without a cause", world)
      }
    case "not_ready": world.coverage.count(.invocationNotReady)
    case "overloaded": world.coverage.count(.invocationOverloaded)
    case "invocations_waiting": world.coverage.count(.invocationNoRoom)
    case "timeout":
      world.coverage.count(.invocationTimeout)
      if world.timeline.now + Self.slack < call.deadline {
        world.checker.fail("invocation \(request.number) is ended before its time", world)
      }
    case _: world.coverage.count(.invocationRefused)
    }
  }

  private mutating func end(_ request: RequestID, _ world: World) -> Call? {
    guard let call = waiting.removeValue(forKey: request) else { return nil }
    answered += 1
    if world.timeline.now > call.deadline + Self.slack {
      world.checker.fail("invocation \(request.number) is answered too late", world)
    }
    return call
  }

  /// The logic is gone, and with it whatever was to be answered.
  mutating func logicEnded(_ coverage: inout Coverage) {
    if !offered.isEmpty { coverage.count(.invocationEffectsUntold) }
    waiting = [:]
    arrived = [:]
    offered = [:]
  }

  /// Those that should have had an answer.
  func overdue(_ now: Int64) -> [RequestID] {
    waiting.filter { $0.value.deadline + Self.slack < now }.keys.sorted()
  }

  // Causes.

  mutating func somethingIsWrong(with node: NodeID, _ now: Int64) { troubled[node] = now }
  mutating func somethingIsWrongWithPlane(_ now: Int64) { planeTroubled = now }

  private func hasCause(_ call: Call, _ world: World) -> Bool {
    let settings = world.configuration
    // Heartbeats that are lost or late make a node look silent that is none.
    if settings.loss > 0 || settings.straggling > .zero { return true }
    // Guests of a simulation are not ended when they run for too long.
    if world.timeline.now + Self.slack >= call.deadline { return true }
    let since = call.askedAt - Self.memory
    if let at = planeTroubled, at >= since { return true }
    return call.nodes.contains { hasTrouble($0, since: since, world) }
  }

  private func hasTrouble(_ node: NodeID, since: Int64, _ world: World) -> Bool {
    guard let index = world.indexByNode[node] else { return false }
    if let at = troubled[node], at >= since { return true }
    let agent = world.agents[index]
    return agent.isFrozen || agent.isStuck || !agent.isUp || !world.hasLink(index)
      || world.isCut(index, .toAgent) || world.isCut(index, .toPlane)
  }
}
