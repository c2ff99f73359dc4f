import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct AnswerTests {
  private func script(attempts: Int = 2) -> RouterScript {
    var script = RouterScript()
    var route = routed("a", on: "x", concurrency: 2)
    route.configuration.retry = RetryPolicy(
      attempts: attempts, initialDelay: .milliseconds(1), maximumDelay: .milliseconds(1),
      answerGrace: .seconds(10))
    route.configuration.limits.wallTime = .seconds(5)
    _ = script.handle(.deploymentsChanged([route]))
    return script
  }

  @Test func `what is not answered within wall time and grace is an attempt, and tried again`() {
    var script = script()
    #expect(script.owe(1, "x").last == "activate 1 a generation 3 attempt 1")
    #expect(
      script.router.nextDeadline == MonotonicInstant(nanoseconds: 15_000_000_000))
    #expect(script.wake() == ["give up 1", "failed attempt 1"])
    #expect(script.router.running == 0)
    #expect(script.succeed(1, "x") == [], "a late answer is nothing")
    #expect(script.recorded(1) == [])
    #expect(script.wake() == ["activate 1 a generation 3 attempt 2"])
    #expect(script.wake() == ["give up 1", "dead unavailable"])
    #expect(script.recorded(1) == ["settled 1"])
    #expect(script.router.awaited.isEmpty && script.router.pendingCount == 0)
  }

  @Test func `what was answered is not waited for`() {
    var script = script()
    _ = script.owe(1, "x")
    _ = script.owe(2, "x")
    #expect(script.succeed(1, "x") == ["succeeded, publishes nothing"])
    #expect(script.recorded(1) == ["settled 1"])
    #expect(script.wake() == ["give up 2", "failed attempt 1"])
    _ = script.recorded(2)
    #expect(script.router.awaited.isEmpty && script.router.looksAt == nil)
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed
  // delivery, and failed processing is retried
  @Test func `whatever is answered, late or never, every delivery ends`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 11: deliveries that nobody answers are tried again or put aside",
      cases: 200,
      zip(
        Generator<Int>.int(in: 0...24), Generator<Int>.int(in: 0...50),
        Generator<Int>.int(in: 0...2)
      ).array(count: 0...80)
    ) { steps in
      var route = routed("a", on: "x", concurrency: 2)
      route.configuration.retry = RetryPolicy(attempts: 2, answerGrace: .seconds(1))
      route.configuration.limits.wallTime = .seconds(1)
      var simulation = RouterSimulation(
        [route], limits: EventRouter.Limits(running: 3), random: SeededRandom(seed: 1))
      for (action, index, luck) in steps {
        switch action {
        case 0: simulation.crash()
        case 1...8: simulation.publish(Topic(unchecked: "x"))
        case 9...12: simulation.advance(.milliseconds(index * 60))
        case _: simulation.finishWork(index, luck: luck)
        }
      }
      simulation.heal()
      return simulation.violations.isEmpty && simulation.log.pending.isEmpty
        && simulation.router.running == 0 && simulation.router.awaited.isEmpty
    }
  }
}
