import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct EventRouterTests {
  private var random = SeededRandom(seed: 1)
  private let now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))

  private func routed(
    _ name: String, on filter: String, isReady: Bool = true, result: String? = nil
  ) -> RoutedDeployment {
    RoutedDeployment(
      name: QualifiedName(.default, ModuleName(unchecked: name)), generation: 3,
      configuration: DeploymentConfiguration(
        triggers: [Trigger(topic: TopicFilter(unchecked: filter))],
        resultTopic: result.map { Topic(unchecked: $0) }, concurrency: 1),
      isReady: isReady)
  }

  private func event(_ topic: String) -> Event {
    Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: topic))
  }

  private mutating func handle(
    _ router: inout EventRouter, _ input: EventRouter.Input
  ) -> [String] {
    router.handle(input, at: now, using: &random).map(name)
  }

  private func name(_ directive: EventRouter.Directive) -> String {
    switch directive {
    case .append(_, let event): "append for \(event.targets.map(\.text))"
    case .accept: "accept"
    case .refuse(_, let problem): "refuse \(problem.code)"
    case .activate(let id, _, let name, let generation, let attempt):
      "activate \(id) \(name) generation \(generation) attempt \(attempt)"
    case .record(let change):
      switch change.outcome {
      case .succeeded(_, let published): "succeeded, publishes \(published?.event.id ?? "nothing")"
      case .failed: "failed attempt \(change.attempt)"
      case .dead(let failure): "dead \(failure.code.rawValue)"
      }
    case .settled(let id, _): "settled \(id)"
    }
  }

  private func appended(_ deliveries: Int64...) -> AppendedEvent {
    AppendedEvent(offset: EventOffset(1), deliveries: deliveries.map { DeliveryID($0) })
  }

  @Test mutating func `an event is accepted only once it is durable, then runs`() {
    var router = EventRouter()
    #expect(handle(&router, .deploymentsChanged([routed("a", on: "x")])) == [])
    #expect(
      handle(&router, .eventReceived(RequestID(1), event("x"), .local)) == ["append for [\"a\"]"])
    #expect(
      handle(&router, .eventAppended(RequestID(1), appended(7)))
        == ["accept", "activate 7 a generation 3 attempt 1"])
    #expect(
      handle(&router, .activationFinished(DeliveryID(7), event: event("x"), .success([1])))
        == ["succeeded, publishes nothing"])
    #expect(handle(&router, .changeRecorded(DeliveryID(7), published: nil)) == ["settled 7"])
  }

  @Test mutating func `an event that cannot be made durable is refused`() {
    var router = EventRouter()
    _ = handle(&router, .eventReceived(RequestID(1), event("x"), .local))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(handle(&router, .appendFailed(RequestID(1), problem)) == ["refuse disk_full"])
    #expect(router.pendingCount == 0)
  }

  @Test mutating func `a full log refuses until something is done`() {
    var router = EventRouter(limits: EventRouter.Limits(pendingDeliveries: 1))
    _ = handle(&router, .deploymentsChanged([routed("a", on: "x")]))
    _ = handle(&router, .eventReceived(RequestID(1), event("x"), .local))
    #expect(
      handle(&router, .eventReceived(RequestID(2), event("x"), .local)) == ["refuse event_log_full"]
    )
    _ = handle(&router, .eventAppended(RequestID(1), appended(1)))
    _ = handle(&router, .activationFinished(DeliveryID(1), event: event("x"), .success([])))
    _ = handle(&router, .changeRecorded(DeliveryID(1), published: nil))
    #expect(
      handle(&router, .eventReceived(RequestID(3), event("x"), .local)) == ["append for [\"a\"]"])
  }

  @Test mutating func `a module that is not ready keeps its events waiting`() {
    var router = EventRouter()
    _ = handle(&router, .deploymentsChanged([routed("a", on: "x", isReady: false)]))
    _ = handle(&router, .eventReceived(RequestID(1), event("x"), .local))
    #expect(handle(&router, .eventAppended(RequestID(1), appended(1))) == ["accept"])
    #expect(
      handle(&router, .deploymentsChanged([routed("a", on: "x")]))
        == ["activate 1 a generation 3 attempt 1"])
  }

  @Test mutating func `what waits for a module that is undeployed becomes a dead letter`() {
    var router = EventRouter()
    _ = handle(&router, .deploymentsChanged([routed("a", on: "x", isReady: false)]))
    _ = handle(&router, .eventReceived(RequestID(1), event("x"), .local))
    _ = handle(&router, .eventAppended(RequestID(1), appended(1)))
    #expect(handle(&router, .deploymentsChanged([])) == ["dead unavailable"])
  }

  @Test mutating func `a change that could not be recorded is recorded again, not run again`() {
    var router = EventRouter()
    _ = handle(&router, .deploymentsChanged([routed("a", on: "x")]))
    _ = handle(&router, .eventReceived(RequestID(1), event("x"), .local))
    _ = handle(&router, .eventAppended(RequestID(1), appended(1)))
    _ = handle(&router, .activationFinished(DeliveryID(1), event: event("x"), .success([])))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(handle(&router, .recordFailed(DeliveryID(1), problem)) == [])
    var later = now
    later.monotonic = router.nextDeadline ?? now.monotonic
    #expect(
      router.handle(.deadlineReached, at: later, using: &random).map(name)
        == ["succeeded, publishes nothing"])
  }

  @Test mutating func `one delivery at a time, and modules take turns`() {
    var router = EventRouter(limits: EventRouter.Limits(running: 1))
    _ = handle(&router, .deploymentsChanged([routed("a", on: "x"), routed("b", on: "y")]))
    for number in 1...2 {
      _ = handle(&router, .eventReceived(RequestID(UInt64(number)), event("x"), .local))
      _ = handle(&router, .eventAppended(RequestID(UInt64(number)), appended(Int64(number))))
    }
    _ = handle(&router, .eventReceived(RequestID(3), event("y"), .local))
    #expect(handle(&router, .eventAppended(RequestID(3), appended(3))) == ["accept"])
    #expect(
      handle(&router, .activationFinished(DeliveryID(1), event: event("x"), .success([])))
        == ["succeeded, publishes nothing", "activate 3 b generation 3 attempt 1"])
  }

  @Test mutating func `a chain of results that goes on for ever is cut`() {
    var router = EventRouter(limits: EventRouter.Limits(hops: 2))
    _ = handle(&router, .deploymentsChanged([routed("a", on: "x", result: "y")]))
    var looping = event("x")
    looping.setAttribute("wmhops", to: "2")
    _ = handle(&router, .eventReceived(RequestID(1), looping, .local))
    _ = handle(&router, .eventAppended(RequestID(1), appended(1)))
    #expect(
      handle(&router, .activationFinished(DeliveryID(1), event: looping, .success([1])))
        == ["dead loop_detected"])
  }
}
