import ClusterModel
import Testing

@testable import EventRouting

/// What becomes of deliveries when deployments come, go and change under them.
@Suite struct RoutingChangeTests {
  @Test func `a module that goes and comes back never runs beyond its concurrency`() {
    var script = RouterScript(EventRouter.Limits(running: 1))
    let other = routed("other", on: "o")
    _ = script.handle(.deploymentsChanged([other, routed("a", on: "x")]))
    _ = script.owe(1, "o")
    _ = script.owe(2, "x")
    // It waits in the ring when it goes, and is put there again when it is back.
    #expect(script.handle(.deploymentsChanged([other])) == ["dead unavailable"])
    _ = script.handle(.deploymentsChanged([other, routed("a", on: "x")]))
    #expect(script.owe(3, "x").contains("accept"))
    #expect(script.owe(4, "x").contains("accept"))
    _ = script.owe(5, "o")
    #expect(
      script.succeed(1, "o")
        == ["succeeded, publishes nothing", "activate 3 a generation 3 attempt 1"])
    #expect(
      script.succeed(3, "x")
        == ["succeeded, publishes nothing", "activate 5 other generation 3 attempt 1"],
      "a module has one place in the ring")
  }

  @Test func `what comes for a module that is not ready runs when it is`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x"), routed("b", on: "y")]))
    let name = routed("a", on: "x").name
    #expect(script.handle(.readinessChanged(name, isReady: false)) == [])
    #expect(!script.owe(1, "x").contains { $0.hasPrefix("activate") })
    #expect(script.owe(2, "y").contains { $0.hasPrefix("activate 2 b") })
    #expect(
      script.handle(.readinessChanged(name, isReady: true))
        == ["activate 1 a generation 3 attempt 1"])
    let unknown = routed("c", on: "x").name
    #expect(script.handle(.readinessChanged(unknown, isReady: true)) == [])
  }

  @Test func `a lower concurrency holds from the moment it is deployed`() {
    var script = RouterScript(EventRouter.Limits(running: 2))
    let other = routed("other", on: "o")
    _ = script.handle(.deploymentsChanged([other, routed("a", on: "x", concurrency: 2)]))
    _ = script.owe(1, "o")
    _ = script.owe(2, "x")
    _ = script.owe(3, "x")
    _ = script.handle(.deploymentsChanged([other, routed("a", on: "x", concurrency: 1)]))
    #expect(script.succeed(1, "o") == ["succeeded, publishes nothing"])
    #expect(
      script.succeed(2, "x")
        == ["succeeded, publishes nothing", "activate 3 a generation 3 attempt 1"])
  }

  @Test func `what waits for a new try of an undeployed module is put aside at once`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.owe(1, "x")
    #expect(script.fail(1, "x") == ["failed attempt 1"])
    #expect(script.recorded(1) == [])
    #expect(script.handle(.deploymentsChanged([])) == ["dead unavailable"])
    #expect(script.recorded(1) == ["settled 1"])
  }

  @Test func `what waits when a module is redeployed runs with the new generation`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.owe(1, "x")
    _ = script.owe(2, "x")
    _ = script.handle(.deploymentsChanged([routed("a", on: "other", generation: 4)]))
    // The old placement is gone, which is no attempt of the handler.
    #expect(script.fail(1, "x", .unavailable) == ["activate 2 a generation 4 attempt 1"])
    _ = script.succeed(2, "x")
    #expect(script.wake() == ["activate 1 a generation 4 attempt 1"])
  }

  @Test func `a dead letter that is replayed before its death is known to be durable is kept`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x")]))
    _ = script.owe(1, "x")
    for _ in 1..<RetryPolicy().attempts {
      _ = script.fail(1, "x")
      _ = script.recorded(1)
      _ = script.wake()
    }
    #expect(script.fail(1, "x") == ["dead guest_trapped"])
    let pending = PendingDelivery(
      id: DeliveryID(1), offset: EventOffset(1), namespace: .default,
      module: ModuleName(unchecked: "a"), failedAttempts: 0, footprint: event("x").footprint)
    #expect(script.handle(.deadLetterReplayed(pending)) == [])
    #expect(script.recorded(1) == ["settled 1", "activate 1 a generation 3 attempt 1"])
    #expect(script.router.pendingCount == 1)
  }
}
