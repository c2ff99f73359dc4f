import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct EventRouterTests {
  @Test func `an event is accepted only once it is durable, then runs`() {
    var script = RouterScript()
    #expect(script.handle(.deploymentsChanged([routed("a", on: "x")])) == [])
    #expect(
      script.handle(.eventReceived(RequestID(1), event("x"), data: nil, .local)) == [
        "append for [\"a\"]"
      ])
    #expect(
      script.handle(.eventAppended(RequestID(1), appended(7)))
        == ["accept", "activate 7 a generation 3 attempt 1"])
    #expect(
      script.handle(.activationFinished(DeliveryID(7), event: event("x"), .success([1]), data: nil))
        == ["succeeded, publishes nothing"])
    #expect(script.handle(.changeRecorded(DeliveryID(7), published: [])) == ["settled 7"])
  }

  @Test func `an event that cannot be made durable is refused`() {
    var script = RouterScript()
    _ = script.handle(.eventReceived(RequestID(1), event("x"), data: nil, .local))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(script.handle(.appendFailed(RequestID(1), problem)) == ["refuse disk_full"])
    #expect(script.router.pendingCount == 0)
  }

  @Test func `a full log refuses until something is done`() {
    var script = RouterScript(EventRouter.Limits(pendingDeliveries: 1))
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.handle(.eventReceived(RequestID(1), event("x"), data: nil, .local))
    #expect(
      script.handle(.eventReceived(RequestID(2), event("x"), data: nil, .local)) == [
        "refuse event_log_full"
      ]
    )
    _ = script.handle(.eventAppended(RequestID(1), appended(1)))
    _ = script.handle(
      .activationFinished(DeliveryID(1), event: event("x"), .success([]), data: nil))
    _ = script.handle(.changeRecorded(DeliveryID(1), published: []))
    #expect(
      script.handle(.eventReceived(RequestID(3), event("x"), data: nil, .local)) == [
        "append for [\"a\"]"
      ])
  }

  @Test func `a module that is not ready keeps its events waiting`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", isReady: false)]))
    _ = script.handle(.eventReceived(RequestID(1), event("x"), data: nil, .local))
    #expect(script.handle(.eventAppended(RequestID(1), appended(1))) == ["accept"])
    #expect(
      script.handle(.deploymentsChanged([routed("a", on: "x")]))
        == ["activate 1 a generation 3 attempt 1"])
  }

  @Test func `what waits for a module that is undeployed becomes a dead letter`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", isReady: false)]))
    _ = script.handle(.eventReceived(RequestID(1), event("x"), data: nil, .local))
    _ = script.handle(.eventAppended(RequestID(1), appended(1)))
    #expect(script.handle(.deploymentsChanged([])) == ["dead unavailable"])
  }

  @Test func `a change that could not be recorded is recorded again, not run again`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.handle(.eventReceived(RequestID(1), event("x"), data: nil, .local))
    _ = script.handle(.eventAppended(RequestID(1), appended(1)))
    _ = script.handle(
      .activationFinished(DeliveryID(1), event: event("x"), .success([]), data: nil))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(script.handle(.recordFailed(DeliveryID(1), problem)) == [])
    #expect(script.wake() == ["succeeded, publishes nothing"])
  }

  @Test func `one delivery at a time, and modules take turns`() {
    var script = RouterScript(EventRouter.Limits(running: 1))
    _ = script.handle(.deploymentsChanged([routed("a", on: "x"), routed("b", on: "y")]))
    for number in 1...2 {
      _ = script.handle(.eventReceived(RequestID(UInt64(number)), event("x"), data: nil, .local))
      _ = script.handle(.eventAppended(RequestID(UInt64(number)), appended(Int64(number))))
    }
    _ = script.handle(.eventReceived(RequestID(3), event("y"), data: nil, .local))
    #expect(script.handle(.eventAppended(RequestID(3), appended(3))) == ["accept"])
    #expect(
      script.handle(.activationFinished(DeliveryID(1), event: event("x"), .success([]), data: nil))
        == ["succeeded, publishes nothing", "activate 3 b generation 3 attempt 1"])
  }

  @Test func `a chain of results that goes on for ever is cut`() {
    var script = RouterScript(EventRouter.Limits(hops: 2))
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", result: "y")]))
    var looping = event("x")
    looping.setAttribute("wmhops", to: "2")
    _ = script.handle(.eventReceived(RequestID(1), looping, data: nil, .local))
    _ = script.handle(.eventAppended(RequestID(1), appended(1)))
    #expect(
      script.handle(.activationFinished(DeliveryID(1), event: looping, .success([1]), data: nil))
        == ["dead loop_detected"])
  }

  @Test func `a result is an event that tells where it comes from`() throws {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", result: "y/z")]))
    _ = script.owe(7, "x")
    var cause = event("x")
    cause.setAttribute("wmhops", to: "4")
    cause.setAttribute("traceparent", to: "00-a-b-01")
    #expect(
      script.handle(.activationFinished(DeliveryID(7), event: cause, .success([1, 2]), data: nil))
        == ["succeeded, publishes 7-1"])
    guard case .succeeded(_, let effects) = try #require(script.changes.last).outcome,
      let published = effects.events.first
    else {
      Issue.record("nothing is published")
      return
    }
    let result = published.event
    #expect(result.source == "/namespaces/default/modules/a")
    #expect(result.type == "y/z")
    #expect(result.topic.text == "y/z")
    #expect(result.data == [1, 2])
    #expect(result.attribute("wmhops") == "5")
    #expect(result.attribute("wmcause") == "1")
    #expect(result.attribute("traceparent") == "00-a-b-01")
  }

  @Test func `a chain of results does not make ids that are too long`() throws {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", result: "y")]))
    _ = script.owe(7, "x")
    var cause = event("x")
    cause.id = String(repeating: "ü", count: 512)
    _ = script.handle(.activationFinished(DeliveryID(7), event: cause, .success([1]), data: nil))
    guard case .succeeded(_, let effects) = try #require(script.changes.last).outcome,
      let published = effects.events.first
    else {
      Issue.record("nothing is published")
      return
    }
    #expect(EventRules.isAttributeValue(published.event.id))
    #expect(published.event.id.hasPrefix("7-ü"))
  }

  @Test func `hops that are no sensible number cut the chain or begin it`() {
    for (hops, expected) in [
      (String(Int.max), "dead loop_detected"), ("-9", "succeeded, publishes 1-1"),
      ("many", "succeeded, publishes 1-1"),
    ] {
      var script = RouterScript()
      _ = script.handle(.deploymentsChanged([routed("a", on: "x", result: "y")]))
      _ = script.owe(1, "x")
      var cause = event("x")
      cause.setAttribute("wmhops", to: hops)
      #expect(
        script.handle(.activationFinished(DeliveryID(1), event: cause, .success([1]), data: nil))
          == [expected]
      )
    }
  }

  @Test func `what could not run through no fault of its own loses no attempt`() {
    for code in [ActivationFailure.Code.overloaded, .unavailable, .cancelled] {
      var script = RouterScript()
      _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
      _ = script.owe(1, "x")
      for _ in 0..<20 {
        #expect(script.fail(1, "x", code) == [])
        #expect(script.wake() == ["activate 1 a generation 3 attempt 1"])
      }
    }
  }

  @Test func `a log that is busy takes no attempt, an event that is damaged is put aside at once`()
  {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.owe(1, "x")
    let busy = Problem(.overloaded, code: "store_busy", "busy")
    #expect(script.handle(.eventUnreadable(DeliveryID(1), busy)) == [])
    #expect(script.wake() == ["activate 1 a generation 3 attempt 1"])
    let damaged = Problem(.internalFault, code: "data_corrupt", "damaged")
    #expect(script.handle(.eventUnreadable(DeliveryID(1), damaged)) == ["dead event_damaged"])
    #expect(script.recorded(1) == ["settled 1"])
  }

  @Test func `results that cannot be made durable hold up what would make more of them`() {
    var script = RouterScript(EventRouter.Limits(unrecordedBytes: ByteCount(bytes: 5000)))
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.owe(1, "x")
    _ = script.owe(2, "x")
    _ = script.owe(3, "x")
    let result = [UInt8](repeating: 1, count: 3000)
    #expect(
      script.succeed(1, "x", result)
        == ["succeeded, publishes nothing", "activate 2 a generation 3 attempt 1"])
    #expect(script.succeed(2, "x", result) == ["succeeded, publishes nothing"])
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(script.handle(.recordFailed(DeliveryID(2), problem)) == [], "it is still held")
    #expect(script.recorded(1) == ["settled 1", "activate 3 a generation 3 attempt 1"])
  }

  @Test func `records that are under way are bounded, and none is forgotten`() {
    var script = RouterScript(EventRouter.Limits(recording: 2))
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", isReady: false)]))
    for id in 1...3 as ClosedRange<Int64> { _ = script.owe(id, "x") }
    #expect(script.handle(.deploymentsChanged([])) == ["dead unavailable", "dead unavailable"])
    #expect(script.recorded(1) == ["settled 1", "dead unavailable"])
    #expect(script.recorded(2) == ["settled 2"])
    #expect(script.recorded(3) == ["settled 3"])
    #expect(script.router.pendingCount == 0 && script.router.pendingBytes == 0)
  }

  @Test func `nothing is begun or taken in once the program is stopping`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.owe(1, "x")
    _ = script.owe(2, "x")
    _ = script.handle(.stopRequested)
    #expect(script.succeed(1, "x") == ["succeeded, publishes nothing"])
    #expect(
      script.handle(.eventReceived(RequestID(9), event("x"), data: nil, .local)) == [
        "refuse stopping"
      ])
    #expect(script.router.nextDeadline == nil)
  }
}
