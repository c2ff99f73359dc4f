import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct SlowDownTests {
  private func instant(_ seconds: Int) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(seconds) * 1_000_000_000)
  }

  @Test func `the time until there is room follows the rate of the last seconds`() {
    var meter = DrainMeter()
    #expect(meter.time(toDrain: 1, bytes: 0, at: instant(0)) == .seconds(60), "nothing drains")
    for second in 0..<10 {
      for _ in 0..<5 { meter.drained(bytes: 100, at: instant(second)) }
    }
    #expect(meter.time(toDrain: 50, bytes: 0, at: instant(9)) == .seconds(10))
    #expect(meter.time(toDrain: 51, bytes: 0, at: instant(9)) == .seconds(11))
    #expect(meter.time(toDrain: 1, bytes: 6000, at: instant(9)) == .seconds(12))
    #expect(meter.time(toDrain: 1, bytes: 1, at: instant(9)) == .seconds(1))
    #expect(meter.time(toDrain: 1_000_000, bytes: 0, at: instant(9)) == .seconds(60))
    // Half of it is too long ago.
    #expect(meter.time(toDrain: 50, bytes: 0, at: instant(14)) == .seconds(20))
    #expect(meter.time(toDrain: 1, bytes: 0, at: instant(100)) == .seconds(60))
  }

  // Feature: wasmatrix, Property 12: For any event storm, backpressure is applied and is visible
  @Test func `what is advised is within bounds, enough at the measured rate, and no more`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 12: publishers are told how long the backlog takes to drain",
      cases: 300,
      zip(
        Generator<Int>.int(in: 1...50), Generator<Int>.int(in: 1...20),
        Generator<Int>.int(in: 1...2000))
    ) { rate, seconds, backlog in
      var meter = DrainMeter()
      for second in 0..<seconds {
        for _ in 0..<rate { meter.drained(bytes: 1, at: instant(second)) }
      }
      let advised = Int(
        meter.time(toDrain: backlog, bytes: backlog, at: instant(seconds - 1)).components.seconds)
      guard (1...60).contains(advised) else { return false }
      let isEnough = advised * rate >= backlog || advised == 60
      let isNotTooMuch = (advised - 1) * rate < backlog || advised == 1
      return isEnough && isNotTooMuch
    }
  }

  private func refusal(_ router: inout EventRouter, _ number: UInt64) -> Problem? {
    var random = SeededRandom(seed: 1)
    let now = Instants(monotonic: instant(0), wall: WallInstant(microseconds: 0))
    let directives = router.handle(
      .eventReceived(RequestID(number), event("x"), data: nil, .local), at: now, using: &random)
    for case .refuse(_, let problem) in directives { return problem }
    return nil
  }

  @Test func `a full log says when to come back`() {
    var random = SeededRandom(seed: 1)
    var router = EventRouter(limits: EventRouter.Limits(pendingDeliveries: 1))
    let now = Instants(monotonic: instant(0), wall: WallInstant(microseconds: 0))
    _ = router.handle(
      .deploymentsChanged([routed("a", on: "x")]), at: now, using: &random)
    #expect(refusal(&router, 1) == nil)
    let problem = refusal(&router, 2)
    #expect(problem?.code == "event_log_full" && problem?.retryAfter == .seconds(60))
  }

  @Test func `a log that does not keep up says so, to the last one that fits`() {
    var router = EventRouter(limits: EventRouter.Limits(appending: 2))
    #expect(refusal(&router, 1) == nil)
    #expect(refusal(&router, 2) == nil)
    let problem = refusal(&router, 3)
    #expect(problem?.code == "event_log_lagging" && problem?.retryAfter == .seconds(60))
    #expect(problem?.category == .overloaded)
  }

  @Test func `what takes no bytes is not waited for as if none drained`() {
    var meter = DrainMeter()
    let now = MonotonicInstant(nanoseconds: 5_000_000_000)
    for _ in 0..<10 { meter.drained(bytes: 0, at: now) }
    #expect(meter.time(toDrain: 20, bytes: 0, at: now) == .seconds(2))
    #expect(meter.time(toDrain: 20, bytes: 1, at: now) == DrainMeter.longest)
  }
}
