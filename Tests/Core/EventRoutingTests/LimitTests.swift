import ClusterModel
import Testing

@testable import EventRouting

/// Where the bounds of the router lie, to the last one that fits.
@Suite struct LimitTests {
  private let footprint = event("x").footprint.bytes

  private func script(_ limits: EventRouter.Limits, _ routes: RoutedDeployment...) -> RouterScript {
    var script = RouterScript(limits)
    _ = script.handle(.deploymentsChanged(routes))
    return script
  }

  private func receive(_ script: inout RouterScript) -> [String] {
    script.handle(.eventReceived(RequestID(1), event("x"), data: nil, .local))
  }

  @Test func `an event fits that fills the log to the last byte`() {
    let (a, b) = (routed("a", on: "x"), routed("b", on: "x"))
    var exact = script(EventRouter.Limits(pendingBytes: ByteCount(bytes: 2 * footprint)), a, b)
    #expect(exact.router.hasRoom)
    #expect(receive(&exact) == ["append for [\"a\", \"b\"]"])
    #expect(!exact.router.hasRoom)
    #expect(exact.router.pendingBytes == 2 * footprint)
    // With the reserve, of a quarter, it would have to be a byte more.
    let tooFew = ByteCount(bytes: 8 * footprint / 5 - 1)
    var less = script(EventRouter.Limits(pendingBytes: tooFew), a, b)
    #expect(receive(&less) == ["refuse event_log_full"])
    var many = script(EventRouter.Limits(pendingDeliveries: 2), a, b)
    #expect(receive(&many) == ["append for [\"a\", \"b\"]"])
    #expect(!many.router.hasRoom)
    var few = script(EventRouter.Limits(pendingDeliveries: 1), a, b)
    #expect(receive(&few) == ["refuse event_log_full"])
  }

  @Test
  func `when one module has filled the room the others get a reserve, to the last one that fits`() {
    let limits = EventRouter.Limits(pendingDeliveries: 16)
    var script = script(
      limits, routed("noisy", on: "x"), routed("a", on: "y"), routed("b", on: "z"))
    func publish(_ topic: String, _ count: Int) -> [String] {
      (0..<count).flatMap { _ -> [String] in
        number += 1
        return script.handle(
          .eventReceived(RequestID(number), event(topic), data: nil, .local))
      }
    }
    var number: UInt64 = 0
    #expect(publish("x", 16).allSatisfy { $0.hasPrefix("append") })
    #expect(publish("x", 1) == ["refuse event_log_full"])
    // A sixteenth of 16 is one: one each, and no more.
    #expect(publish("y", 2) == ["append for [\"a\"]", "refuse event_log_full"])
    #expect(publish("z", 2) == ["append for [\"b\"]", "refuse event_log_full"])
    #expect(script.router.pendingCount == 18)
    // What nobody wants takes no room.
    #expect(publish("nobody", 1) == ["append for []"])
  }

  @Test func `the reserve ends after a quarter`() {
    let names = (0..<8).map { "m\($0)" }
    let routes = names.map { routed($0, on: $0) } + [routed("noisy", on: "x")]
    var script = self.script(EventRouter.Limits(pendingDeliveries: 16), routed("noisy", on: "x"))
    _ = script.handle(.deploymentsChanged(routes))
    var answers: [String] = []
    for (number, topic) in (Array(repeating: "x", count: 16) + names).enumerated() {
      answers += script.handle(
        .eventReceived(RequestID(UInt64(number + 1)), event(topic), data: nil, .local))
    }
    #expect(answers.filter { $0.hasPrefix("append") }.count == 20)
    #expect(answers.last == "refuse event_log_full")
  }

  @Test func `results are taken in up to twice the bounds, to the last one that fits`() {
    let a = routed("a", on: "x", result: "y")
    let limits = EventRouter.Limits(pendingDeliveries: 1)
    var exact = script(limits, a, routed("b", on: "y"))
    _ = exact.owe(1, "x")
    #expect(exact.succeed(1, "x", [1]) == ["succeeded, publishes 1-1"])
    var many = script(limits, a, routed("b", on: "y"), routed("c", on: "y"))
    _ = many.owe(1, "x")
    #expect(many.succeed(1, "x", [1]) == [], "it is tried again when there is room")
    #expect(many.wake() == ["activate 1 a generation 3 attempt 1"])
  }

  @Test func `a result of the largest size is published, a larger one is a dead letter`() {
    let largest = [UInt8](repeating: 1, count: EventRules.maximumData.bytes)
    for (output, expected) in [
      (largest, "succeeded, publishes 1-1"), (largest + [1], "dead output_limit"),
      ([], "succeeded, publishes nothing"),
    ] {
      var script = script(EventRouter.Limits(), routed("a", on: "x", result: "y"))
      _ = script.owe(1, "x")
      #expect(script.succeed(1, "x", output) == [expected])
    }
  }

  @Test(arguments: [(31, "succeeded, publishes 1-1"), (32, "dead loop_detected")])
  func `a chain of results may be as long as its bound`(hops: Int, expected: String) {
    var script = script(EventRouter.Limits(), routed("a", on: "x", result: "y"))
    _ = script.owe(1, "x")
    var cause = event("x")
    cause.setAttribute("wmhops", to: String(hops))
    #expect(
      script.handle(.activationFinished(DeliveryID(1), event: cause, .success([1]), data: nil)) == [
        expected
      ])
  }

  @Test func `a handler is tried as often as its policy says`() {
    for attempts in 1...3 {
      var route = routed("a", on: "x")
      route.configuration.retry.attempts = attempts
      var script = script(EventRouter.Limits(), route)
      _ = script.owe(1, "x")
      for attempt in 1..<attempts {
        #expect(script.fail(1, "x") == ["failed attempt \(attempt)"])
        #expect(script.recorded(1) == [])
        #expect(script.wake() == ["activate 1 a generation 3 attempt \(attempt + 1)"])
      }
      #expect(script.fail(1, "x") == ["dead guest_trapped"])
      #expect(script.recorded(1) == ["settled 1"])
    }
  }

  @Test func `what fails through no fault of its own waits longer each time, up to 5 s`() {
    var script = script(EventRouter.Limits(), routed("a", on: "x"))
    _ = script.owe(1, "x")
    var last = MonotonicInstant(nanoseconds: 0)
    func wait() -> Duration? {
      defer { last = script.router.nextDeadline ?? last }
      return script.router.nextDeadline.map { $0 - last }
    }
    for ceiling in [20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000, 5000, 5000] {
      _ = script.fail(1, "x", .unavailable)
      let waited = wait() ?? .zero
      #expect(waited >= .milliseconds(ceiling / 2) && waited <= .milliseconds(ceiling))
      _ = script.wake()
    }
    // What was recorded begins anew.
    _ = script.fail(1, "x")
    _ = script.recorded(1)
    last = script.router.nextDeadline ?? last
    _ = script.wake()
    _ = script.fail(1, "x", .unavailable)
    #expect(wait() ?? .zero <= .milliseconds(20))
  }

  @Test func `news of what is not under way is nothing`() {
    var script = script(EventRouter.Limits(), routed("a", on: "x"))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(script.recorded(1) == [])
    #expect(script.handle(.recordFailed(DeliveryID(1), problem)) == [])
    #expect(script.handle(.eventAppended(RequestID(1), appended(1))) == [])
    #expect(script.succeed(1, "x") == [])
    _ = script.owe(1, "x")
    #expect(script.recorded(1) == [], "it still runs")
    #expect(script.handle(.recordFailed(DeliveryID(1), problem)) == [])
    #expect(script.router.recording == 0)
    #expect(script.succeed(1, "x") == ["succeeded, publishes nothing"])
    #expect(script.succeed(1, "x") == [], "it ended before")
    #expect(script.router.running == 0)
  }

  @Test func `what is owed twice is owed once`() {
    var script = script(EventRouter.Limits(), routed("a", on: "x"))
    let pending = PendingDelivery(
      id: DeliveryID(1), offset: EventOffset(1), namespace: .default,
      module: ModuleName(unchecked: "a"), failedAttempts: 2, footprint: ByteCount(bytes: 7))
    #expect(
      script.handle(.recovered([pending, pending])) == ["activate 1 a generation 3 attempt 3"])
    #expect(script.router.pendingCount == 1 && script.router.pendingBytes == 7)
    #expect(script.handle(.deadLetterReplayed(pending)) == [])
  }
}
