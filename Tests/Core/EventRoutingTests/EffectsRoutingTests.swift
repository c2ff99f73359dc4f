import ClusterModel
import Testing

@testable import EventRouting

@Suite struct EffectsRoutingTests {
  private let write = StateWrite(
    bucket: BucketName(unchecked: "b"), key: StateKey(unchecked: "k"), action: .delete)

  private func offered(
    _ topics: String..., data: [JSONValue?] = []
  ) -> EventRouter.OfferedEffects {
    EventRouter.OfferedEffects(
      ActivationEffects(
        published: topics.map { GuestPublish(topic: Topic(unchecked: $0), data: [7]) },
        writes: [write]), data: data)
  }

  private func finished(
    _ id: Int64, _ cause: Event, _ effects: EventRouter.OfferedEffects, output: [UInt8] = []
  ) -> EventRouter.Input {
    .activationFinished(
      DeliveryID(id), event: cause, .success(output), data: nil, effects: effects)
  }

  private func script(_ limits: EventRouter.Limits = EventRouter.Limits()) -> RouterScript {
    var script = RouterScript(limits)
    _ = script.handle(
      .deploymentsChanged([routed("a", on: "x", result: "z"), routed("b", on: "y")]))
    return script
  }

  @Test func `what a guest published is routed like a result, before it, with ids that stay`()
    throws
  {
    var script = script()
    _ = script.owe(7, "x")
    #expect(
      script.handle(finished(7, event("x"), offered("y", "q"), output: [1]))
        == ["succeeded, publishes 7.1-1, 7.2-1, 7-1"])
    guard case .succeeded(_, let effects) = try #require(script.changes.last).outcome else {
      Issue.record("it did not succeed")
      return
    }
    #expect(effects.writes == [write])
    #expect(effects.events.map(\.targets) == [[ModuleName(unchecked: "b")], [], []])
    #expect(effects.events.map { $0.event.attribute("wmhops") } == ["1", "1", "1"])
    #expect(effects.events[0].event.attribute("wmcause") == "1")
    #expect(
      script.handle(
        .changeRecorded(DeliveryID(7), published: [appended(8), appended(), appended()]))
        == ["settled 7", "activate 8 b generation 3 attempt 1"])
  }

  @Test func `a refusal of its effects fails the attempt, and the handler is run again`() {
    var script = script()
    _ = script.owe(7, "x")
    _ = script.handle(finished(7, event("x"), offered("y")))
    let problem = Problem.effectsRefusedForTest
    #expect(script.handle(.effectsRefused(DeliveryID(7), problem)) == ["failed attempt 1"])
    guard case .failed(let failure) = script.changes.last?.outcome else {
      Issue.record("it did not fail")
      return
    }
    #expect(failure.code == .effectsRefused && failure.message.contains("state_conflict"))
    #expect(script.recorded(7) == [])
    #expect(script.wake() == ["activate 7 a generation 3 attempt 2"])
    #expect(script.router.unrecordedBytes == 0 && script.router.recording == 0)
  }

  @Test func `chains of effects end as chains of results do`() {
    var script = script()
    var cause = event("x")
    cause.setAttribute("wmhops", to: "32")
    _ = script.owe(7, "x")
    #expect(script.handle(finished(7, cause, offered("y"))) == ["dead loop_detected"])
    // Writes alone lead nowhere.
    _ = script.owe(9, "x")
    #expect(script.handle(finished(9, cause, offered())) == ["succeeded, publishes nothing"])
  }

  @Test func `effects beyond the room there is are tried again later`() {
    var script = script(EventRouter.Limits(pendingDeliveries: 1))
    _ = script.owe(7, "x")
    #expect(script.handle(finished(7, event("x"), offered("y", "y"))) == [])
    #expect(script.wake() == ["activate 7 a generation 3 attempt 1"])
  }

  @Test func `what an invocation did is committed before it is confirmed`() {
    var script = script()
    let name = QualifiedName(.default, ModuleName(unchecked: "a"))
    let request = RequestID(1)
    #expect(
      script.handle(.effectsOffered(request, name, event: event("x"), offered("y")))
        == ["commit 1 events, 1 writes"])
    #expect(script.router.pendingCount == 1)
    #expect(
      script.handle(.effectsCommitted(request, [appended(5)]))
        == ["confirm", "activate 5 b generation 3 attempt 1"])
    #expect(script.router.pendingCount == 1)
    #expect(script.handle(.effectsCommitted(request, [appended(5)])) == [], "it is known once")
  }

  @Test func `an invocation whose effects go in circles, or find no room, hears so at once`() {
    var script = script(EventRouter.Limits(pendingDeliveries: 1))
    let name = QualifiedName(.default, ModuleName(unchecked: "a"))
    var cause = event("x")
    #expect(
      script.handle(
        .effectsOffered(RequestID(1), name, event: cause, offered("y", "y", "y")))
        == ["refuse event_log_full"])
    cause.setAttribute("wmhops", to: "32")
    #expect(
      script.handle(.effectsOffered(RequestID(2), name, event: cause, offered("y")))
        == ["refuse loop_detected"])
    #expect(script.router.pendingCount == 0 && script.router.pendingBytes == 0)
  }

  @Test func `an invocation whose effects are refused owes nothing`() {
    var script = script()
    let name = QualifiedName(.default, ModuleName(unchecked: "a"))
    _ = script.handle(.effectsOffered(RequestID(1), name, event: event("x"), offered("y")))
    #expect(
      script.handle(.commitFailed(RequestID(1), .effectsRefusedForTest)) == [
        "refuse effects_refused"
      ]
    )
    #expect(script.router.pendingCount == 0 && script.router.pendingBytes == 0)
  }
}

extension Problem {
  fileprivate static let effectsRefusedForTest = Problem(
    .conflict, code: "effects_refused", "what it did was refused: state_conflict: k was changed")
}
