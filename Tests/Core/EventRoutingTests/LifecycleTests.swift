import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct LifecycleTests {
  private let at = WallInstant(microseconds: 5)
  private let module = QualifiedName(.default, ModuleName(unchecked: "m"))

  private func message(
    _ type: EventMessage.Kind, _ payload: [String: JSONValue] = [:]
  ) -> EventMessage {
    EventMessage(
      id: "1.7", type: type, source: "/control-plane", target: "node/a", payload: payload,
      correlationID: "1.7", timestamp: at)
  }

  @Test func `what happens to nodes has a name of its own`() {
    for (from, to, name) in [
      (JSONValue.null, "healthy", LifecycleNotice.Name.nodeJoin),
      (.string("suspect"), "recovered", .nodeRecovered),
      (.string("unavailable"), "healthy", .nodeRecovered),
      (.string("healthy"), "suspect", .nodeState),
    ] {
      let notice = LifecycleNotice(message(.nodeState, ["from": from, "to": .string(to)]))
      #expect(notice.name == name)
    }
    #expect(LifecycleNotice(message(.nodeState, ["breakerOpen": .bool(true)])).name == .nodeState)
    #expect(LifecycleNotice(message(.deploymentChange)).name == .deploymentChanged)
    let event = LifecycleNotice(message(.nodeFailure)).event(data: [1])
    #expect(event.topic.text == "$wasmatrix/lifecycle/node_failure" && event.subject == "node/a")
    #expect(event.id == "1.7" && event.source == "/wasmatrix" && event.time == at)
    #expect(event.type == "wasmatrix.node_failure" && event.data == [1])
  }

  @Test func `what becomes of services and of parts of agents is told of either`() {
    func news(_ child: String, of application: ApplicationName?) -> LifecycleNotice {
      LifecycleNotice(
        ServiceNews(
          child: child, namespace: .default, application: application,
          node: NodeID(unchecked: "a"), at: at,
          happening: .restarting(after: "it failed", restarts: 2, delay: .milliseconds(100))))
    }
    var payload: [String: JSONValue] = [
      "node": .string("a"), "after": .string("it failed"), "restarts": .integer(2),
      "delayMilliseconds": .integer(100),
    ]
    let part = news("main/node/engine", of: nil)
    #expect(part.name == .supervisionRestart && part.subject == "service/main/node/engine")
    #expect(part.id == "a/main/node/engine-supervision_restart-5" && part.payload == payload)
    payload["application"] = .string("plant")
    let service = news("press", of: ApplicationName(unchecked: "plant"))
    #expect(service.subject == "module/press" && service.payload == payload)
    #expect(service.id == "a/plant/press-supervision_restart-5")
  }

  private let death = DeliveryDeath(
    module: QualifiedName(.default, ModuleName(unchecked: "m")), attempts: 3,
    failure: ActivationFailure(code: .guestTrapped, message: "trap"),
    at: WallInstant(microseconds: 5))

  @Test func `what is done about a lifecycle event never makes another`() {
    let ordinary = event("x")
    let notice = LifecycleNotice(DeliveryID(1), EventOffset(2), death, of: ordinary)
    #expect(notice?.payload["topic"] == .string("x"))
    let lifecycle = notice?.event(data: [])
    #expect(lifecycle?.attribute("wmcause") == ordinary.id)
    #expect(LifecycleNotice(DeliveryID(2), EventOffset(3), death, of: lifecycle) == nil)
    // Nor does what comes of what comes of it.
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", result: "y")]))
    _ = script.owe(1, "x")
    var cause = ordinary
    cause.setAttribute("wmlifecycle", to: "dead_letter")
    _ = script.handle(
      .activationFinished(DeliveryID(1), event: cause, .success([1]), data: nil))
    guard case .succeeded(_, let effects) = script.changes.last?.outcome,
      let published = effects.events.first
    else {
      Issue.record("it publishes")
      return
    }
    #expect(LifecycleNotice(DeliveryID(3), EventOffset(4), death, of: published.event) == nil)
  }

  private func tell(_ script: inout RouterScript, isWatched: Bool = false) -> [String] {
    script.handle(
      .lifecycleOccurred(
        RequestID(100), event("$wasmatrix/lifecycle/alarm"), data: nil, isWatched: isWatched))
  }

  @Test func `it is written when a module or somebody else wants it, and for no other reason`() {
    var script = RouterScript()
    _ = script.handle(.deploymentsChanged([routed("a", on: "#")]))
    #expect(tell(&script) == [], "a wildcard does not reach what is the platform's own")
    #expect(tell(&script, isWatched: true) == ["append for []"])
    _ = script.handle(.deploymentsChanged([routed("a", on: "$wasmatrix/lifecycle/+")]))
    #expect(
      script.router.hasSubscribers(
        to: Topic(unchecked: "$wasmatrix/lifecycle/alarm"), in: .default))
    #expect(tell(&script) == ["append for [\"a\"]"])
    _ = script.handle(.stopRequested)
    #expect(tell(&script) == [])
  }

  @Test func `a full log drops it, and says so later`() {
    var script = RouterScript(EventRouter.Limits(pendingDeliveries: 1))
    _ = script.handle(.deploymentsChanged([routed("a", on: "$wasmatrix/lifecycle/+")]))
    #expect(tell(&script) == ["append for [\"a\"]"])
    #expect(tell(&script) == [])
    #expect(tell(&script) == [])
    #expect(script.router.lifecycleDropped == 2)
    _ = script.handle(
      .appendFailed(RequestID(100), Problem(.unavailable, code: "disk_full", "no room")))
    #expect(tell(&script) == ["append for [\"a\"]"])
    #expect(
      script.router.appending[RequestID(100)]?.event.attribute("wmdropped") == "2")
  }

  // Feature: wasmatrix, Property 12: For any event storm, every queue is bounded
  @Test func `of any storm a burst and a rate get through, and the rest is counted`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 12: storms of lifecycle events are bounded and counted",
      cases: 100,
      zip(Generator<Int>.int(in: 0...300), Generator<Int>.int(in: 0...2000)).array(count: 1...12)
    ) { storms in
      var gate = StormGate()
      var now = MonotonicInstant(nanoseconds: 0)
      var (passed, told, sent) = (0, 0, 0)
      for (count, milliseconds) in storms {
        for _ in 0..<(count * 10) {
          sent += 1
          if let missed = gate.pass(at: now) {
            passed += 1
            told += missed
          }
        }
        now = now + .milliseconds(milliseconds)
      }
      let most =
        Int(StormGate.burst) + Int(now.nanoseconds / 1_000_000_000 + 1)
        * Int(StormGate.perSecond)
      return passed <= most && passed + gate.refused == sent
        && told + gate.refusedSinceLast == gate.refused && passed >= min(sent, 1000)
    }
  }
}
