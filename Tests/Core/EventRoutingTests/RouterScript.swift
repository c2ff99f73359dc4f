import ClusterModel
import PropertyTesting

@testable import EventRouting

/// A router that is told things one by one; its directives as text.
struct RouterScript {
  private(set) var router: EventRouter
  private var random = SeededRandom(seed: 1)
  private var now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
  /// What is being made durable, the newest last.
  private(set) var changes: [DeliveryChange] = []

  init(_ limits: EventRouter.Limits = EventRouter.Limits()) { router = EventRouter(limits: limits) }

  mutating func handle(_ input: EventRouter.Input) -> [String] {
    router.handle(input, at: now, using: &random).map { directive in
      if case .record(let change) = directive { changes.append(change) }
      return Self.text(of: directive)
    }
  }

  /// Lets time pass until the next deadline.
  mutating func wake() -> [String] {
    now.monotonic = router.nextDeadline ?? now.monotonic
    return handle(.deadlineReached)
  }

  /// An event was received, and is durable as the delivery `id` to the one module that wants it.
  mutating func owe(_ id: Int64, _ topic: String) -> [String] {
    handle(.eventReceived(RequestID(UInt64(id)), event(topic), data: nil, .local))
      + handle(.eventAppended(RequestID(UInt64(id)), appended(id)))
  }

  mutating func succeed(_ id: Int64, _ topic: String, _ output: [UInt8] = []) -> [String] {
    handle(.activationFinished(DeliveryID(id), event: event(topic), .success(output), data: nil))
  }

  mutating func fail(
    _ id: Int64, _ topic: String, _ code: ActivationFailure.Code = .guestTrapped
  ) -> [String] {
    let failure = ActivationFailure(code: code, message: "no")
    return handle(
      .activationFinished(DeliveryID(id), event: event(topic), .failure(failure), data: nil))
  }

  mutating func recorded(_ id: Int64) -> [String] {
    handle(.changeRecorded(DeliveryID(id), published: []))
  }

  private static func text(of directive: EventRouter.Directive) -> String {
    switch directive {
    case .append(_, let event): return "append for \(event.targets.map(\.text))"
    case .accept: return "accept"
    case .refuse(_, let problem): return "refuse \(problem.code)"
    case .commit(_, let effects):
      return "commit \(effects.events.count) events, \(effects.writes.count) writes"
    case .confirm: return "confirm"
    case .activate(let id, _, let name, let generation, let attempt):
      return "activate \(id) \(name) generation \(generation) attempt \(attempt)"
    case .record(let change):
      switch change.outcome {
      case .succeeded(_, let effects):
        let ids = effects.events.map(\.event.id)
        return "succeeded, publishes \(ids.isEmpty ? "nothing" : ids.joined(separator: ", "))"
      case .failed: return "failed attempt \(change.attempt)"
      case .dead(let failure): return "dead \(failure.code.rawValue)"
      }
    case .giveUp(let id): return "give up \(id)"
    case .settled(let id, _, _): return "settled \(id)"
    }
  }
}

func routed(
  _ name: String, on filter: String, isReady: Bool = true, result: String? = nil,
  generation: Int = 3, concurrency: Int = 1
) -> RoutedDeployment {
  RoutedDeployment(
    name: QualifiedName(.default, ModuleName(unchecked: name)), generation: generation,
    configuration: DeploymentConfiguration(
      triggers: [Trigger(topic: TopicFilter(unchecked: filter))],
      resultTopic: result.map { Topic(unchecked: $0) }, concurrency: concurrency),
    isReady: isReady)
}

func event(_ topic: String) -> Event {
  Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: topic))
}

func appended(_ deliveries: Int64...) -> AppendedEvent {
  AppendedEvent(offset: EventOffset(1), deliveries: deliveries.map { DeliveryID($0) })
}
