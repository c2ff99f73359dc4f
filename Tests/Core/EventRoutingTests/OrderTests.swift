import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct OrderTests {
  private static func deployment(
    _ name: String, _ filter: String, by field: String?, attempts: Int = 3, result: String? = nil
  ) -> RoutedDeployment {
    RoutedDeployment(
      name: QualifiedName(.default, ModuleName(unchecked: name)), generation: 1,
      configuration: DeploymentConfiguration(
        triggers: [
          Trigger(
            topic: TopicFilter(unchecked: filter), orderBy: field.map { OrderField(unchecked: $0) })
        ], resultTopic: result.map { Topic(unchecked: $0) }, retry: RetryPolicy(attempts: attempts),
        concurrency: 4), isReady: true)
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed
  // delivery, and failed processing is retried
  @Test func `deliveries with one key run one after the other, in order, whatever happens`()
    async throws
  {
    let deployments = [
      Self.deployment("by-subject", "in/#", by: "subject", result: "mid"),
      Self.deployment("by-topic", "in/+", by: "topic", attempts: 1),
      Self.deployment("chained", "mid", by: "type"), Self.deployment("free", "in/a", by: nil),
    ]
    let steps = zip(
      Generator<Int>.int(in: 0...24), Generator<Int>.int(in: 0...50), Generator<Int>.int(in: 0...5)
    ).array(count: 0...150)
    try await checkProperty(
      "Feature: wasmatrix, Property 11: deliveries with the same key are handled in order",
      cases: 300, zip(steps, Generator<UInt64>.int(in: 0...1000))
    ) { steps, seed in
      var simulation = RouterSimulation(
        deployments,
        limits: EventRouter.Limits(pendingDeliveries: 60, running: 6, recording: 4),
        random: SeededRandom(seed: seed))
      for (action, index, luck) in steps {
        switch action {
        case 0: simulation.crash()
        case 1...8:
          simulation.publish(
            Topic(unchecked: index % 2 == 0 ? "in/a" : "in/b"),
            about: index % 5 == 0 ? nil : "s\(index % 3)")
        case 9: simulation.advance(.milliseconds(index * 40))
        case 10: simulation.redeploy(index)
        case 11: simulation.replay(index)
        case _: simulation.finishWork(index, luck: luck)
        }
      }
      simulation.heal()
      guard simulation.violations.isEmpty else { throw Violations(list: simulation.violations) }
      return simulation.log.pending.isEmpty && simulation.router.pendingCount == 0
        && simulation.router.ordered.isEmpty
    }
  }

  private struct Violations: Error { let list: [String] }

  private func owed(_ id: Int64, _ key: String?) -> PendingDelivery {
    PendingDelivery(
      id: DeliveryID(id), offset: EventOffset(id), namespace: .default,
      module: ModuleName(unchecked: "m"), failedAttempts: 0, footprint: ByteCount(bytes: 1),
      orderKey: key.map { OrderKey($0) })
  }

  private func script(_ pending: [PendingDelivery]) -> (RouterScript, [String]) {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([Self.deployment("m", "x", by: "subject", attempts: 2)]))
    let begun = script.handle(.recovered(pending))
    return (script, begun)
  }

  @Test func `a key waits while its first is retried, others do not, and its death frees it`() {
    var (script, begun) = script([owed(1, "a"), owed(2, "a"), owed(3, "b"), owed(4, nil)])
    #expect(
      begun == [
        "activate 1 m generation 1 attempt 1", "activate 3 m generation 1 attempt 1",
        "activate 4 m generation 1 attempt 1",
      ])
    #expect(script.fail(1, "x") == ["failed attempt 1"])
    #expect(script.recorded(1) == [], "the second of its key waits on")
    #expect(script.wake() == ["activate 1 m generation 1 attempt 2"])
    #expect(script.fail(1, "x") == ["dead guest_trapped"])
    #expect(script.recorded(1) == ["settled 1", "activate 2 m generation 1 attempt 1"])
    #expect(script.succeed(2, "x") == ["succeeded, publishes nothing"])
    #expect(script.recorded(2) == ["settled 2"])
    #expect(script.router.ordered.count == 1)
  }

  @Test func `those that wait are put aside with their deployment`() {
    var (script, _) = script([owed(1, "a"), owed(2, "a"), owed(3, "a")])
    #expect(
      script.handle(.deploymentsChanged([])) == ["dead unavailable", "dead unavailable"])
    _ = script.recorded(2)
    _ = script.succeed(1, "x")
    #expect(script.recorded(1) == ["settled 1"])
    #expect(script.recorded(3) == ["settled 3"])
    #expect(script.router.ordered.isEmpty && script.router.pendingCount == 0)
  }

  @Test func `what is put aside is waited for until that is durable`() {
    var script = RouterScript()
    let deployment = Self.deployment("m", "x", by: "subject", attempts: 2)
    // It is owed to a module that is not there, and then is.
    #expect(script.handle(.recovered([owed(1, "a")])) == ["dead unavailable"])
    _ = script.handle(.deploymentsChanged([deployment]))
    #expect(script.handle(.recovered([owed(2, "a")])) == [])
    #expect(
      script.recorded(1) == ["settled 1", "activate 2 m generation 1 attempt 1"])
  }

  private func key(_ field: String, _ data: JSONValue? = nil) -> String? {
    var event = event("x")
    event.subject = "sub"
    event.setAttribute("zone", to: "z")
    return OrderField(unchecked: field).key(of: event, data: data)?.text
  }

  @Test func `keys are attributes, or what the data says`() {
    for (field, value) in [
      ("id", "1"), ("source", "/s"), ("type", "t"), ("topic", "x"), ("subject", "sub"),
      ("zone", "z"),
    ] { #expect(key(field) == value) }
    #expect(key("datacontenttype") == nil && key("other") == nil && key("data.a") == nil)
    let data = JSONValue.object([
      "a": .object(["b": .integer(5), "c": .null, "d": .array([])]), "t": .bool(true),
    ])
    #expect(key("data.a.b", data) == "5" && key("data.t", data) == "true")
    for absent in ["data", "data.a", "data.a.c", "data.a.d", "data.a.b.c", "data.x"] {
      #expect(key(absent, data) == nil, "\(absent)")
    }
    #expect(key("data", .string("whole")) == "whole")
    #expect(OrderKey(String(repeating: "x", count: 300)).text.utf8.count == 256)
  }

  @Test func `fields are attributes or paths`() {
    for text in ["subject", "zone", "data", "data.a", "data.a b.c"] {
      #expect(OrderField.isValid(text), "\(text)")
    }
    for text in ["", "a.b", "Zone", "data.", "data..a", ".data", "time", "data.\u{1}"] {
      #expect(!OrderField.isValid(text), "\(text)")
    }
    let deep = "data" + String(repeating: ".a", count: 16)
    #expect(OrderField.isValid(deep) && !OrderField.isValid(deep + ".a"))
  }

  @Test func `data is asked for when a key may be in it`() {
    var router = EventRouter()
    var random = SeededRandom(seed: 1)
    let now = Instants(
      monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
    _ = router.handle(
      .deploymentsChanged([
        Self.deployment("m", "x", by: "data.k"), Self.deployment("n", "y", by: "subject"),
      ]), at: now, using: &random)
    #expect(router.needsData(of: event("x")) && !router.needsData(of: event("y")))
    let data = JSONValue.object(["k": .string("v")])
    let directives = router.handle(
      .eventReceived(RequestID(1), event("x"), data: data, .local), at: now, using: &random)
    guard case .append(_, let accepted) = directives.first else {
      Issue.record("it is appended")
      return
    }
    #expect(accepted.orderKeys == [ModuleName(unchecked: "m"): OrderKey("v")])
  }
}
