import ClusterModel
import NodeTracking
import Testing

@testable import ControlPlaneLogic

/// How what nodes hold follows what is wanted, and how that is told.
@Suite struct PlanningTests {
  private var plane = ControlPlaneDriver()
  private let one = PlacementRules(fallbacks: 0)
  private let unavailable = Problem(.unavailable, code: "fetch_failed", "it did not arrive")

  @Test
  mutating func `one that serves and is not ready any more is waited for, which is announced`() {
    plane.serve(on: ["a"], one)
    #expect(plane.obey("a", condition: .preparing) == [])
    #expect(plane.announced.last?.payload == ["generation": .integer(1), "serving": .integer(0)])
    #expect(plane.news() == ["module_stop module/m", "scale_event module/m"])
    #expect(plane.probe() == ["it waits"])
    #expect(plane.obey("a") == [])
    #expect(
      plane.announced.map(\.payload) == [
        ["generation": .integer(1), "node": .string("a")],
        ["generation": .integer(1), "serving": .integer(1)],
      ])
    #expect(plane.news() == ["module_start module/m", "scale_event module/m"])
    #expect(plane.invoke() == ["invoke on a"])
    #expect(plane.obey("a") == [])
    #expect(plane.news() == [], "nothing has changed")
  }

  @Test mutating func `a fallback that is not ready any more is nothing to announce`() {
    plane.serve(on: ["a", "b"], PlacementRules())
    #expect(plane.obey("b", condition: .preparing) == [])
    #expect(plane.news() == [])
  }

  @Test mutating func `a plan that is not obeyed is sent again`() {
    _ = plane.attach("a")
    _ = plane.push("1")
    #expect(plane.deploy("1", one) == ["a: m#1 fallback"])
    #expect(plane.wait(.milliseconds(490), beating: ["a"]) == [])
    #expect(plane.wait(.milliseconds(10), beating: ["a"]) == ["a: m#1 fallback"])
    #expect(plane.wait(.milliseconds(500), beating: ["a"]) == ["a: m#1 fallback"])
    _ = plane.obey("a", condition: .preparing)
    #expect(plane.wait(.seconds(2), beating: ["a"]) == [])
  }

  @Test mutating func `a plan is not sent again to a node that is gone`() {
    for node in ["a", "b"] { _ = plane.attach(node) }
    _ = plane.push("1")
    #expect(plane.deploy("1", one) == ["a: m#1 fallback"])
    #expect(plane.die("a", .processEnded) == ["b: m#1 fallback"])
    _ = plane.obey("b", condition: .preparing)
    #expect(plane.wait(.seconds(2), beating: ["b"]) == [])
  }

  @Test mutating func `what is not ready in time is refused`() {
    _ = plane.attach("a")
    _ = plane.push("1")
    _ = plane.deploy("1", one)
    _ = plane.obey("a", condition: .preparing)
    #expect(plane.wait(.milliseconds(59_990), beating: ["a"]) == [])
    #expect(plane.wait(.milliseconds(10), beating: ["a"]) == ["refused placement_late", "a: "])
  }

  @Test mutating func `a node where it failed is tried again later each time`() {
    plane.serve(on: ["a"], one)
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
      _ = plane.obey("a", condition: .failed(unavailable))
      #expect(plane.invoke() == ["no invocation: fetch_failed"])
      let early = plane.wait(.milliseconds(seconds * 1000 - 20), beating: ["a"])
      #expect(!early.contains { $0.contains("m#1") }, "\(seconds) s")
      let texts = plane.wait(.milliseconds(1020), beating: ["a"])
      #expect(texts.contains("a: m#1 active"), "\(seconds) s")
      _ = plane.obey("a")
      #expect(plane.invoke().contains("invoke on a"))
    }
  }

  @Test mutating func `what is not ready any more when it is durable is not told as serving`() {
    for node in ["a", "b"] { _ = plane.attach(node) }
    _ = plane.push("1")
    _ = plane.deploy("1", PlacementRules(replicas: 2, fallbacks: 0))
    _ = plane.obey("a")
    plane.store = .keepsLater
    _ = plane.obey("b")
    _ = plane.obey("a", condition: .preparing)
    _ = plane.news()
    _ = plane.keep()
    #expect(plane.announced.compactMap { $0.payload["node"] } == [.string("b")])
    #expect(plane.invoke() == ["invoke on b"])
    #expect(plane.invoke() == ["invoke on b"])
    _ = plane.obey("b", condition: .preparing)
    #expect(plane.probe() == ["it waits"])
  }

  @Test mutating func `a node that is drained no more is not in surplus of what took over`() {
    plane.serve(on: ["a", "b"], one)
    #expect(plane.command(.drain, "a") == ["node a draining", "b: m#1 active"])
    _ = plane.news()
    #expect(plane.command(.uncordon, "a") == ["node a open", "b: "], "it was not ready yet")
    #expect(plane.invoke() == ["invoke on a"])
    #expect(plane.news() == [])
    #expect(plane.logic.planner?.works.values.allSatisfy { $0.endings.isEmpty } == true)
    #expect(plane.logic.planner?.works.values.map(\.seats.count) == [1])
  }

  @Test mutating func `a node where it failed is tried again when its time has come, not later`() {
    plane.serve(on: ["a"], PlacementRules(replicas: 2, fallbacks: 0))
    // What is missing is looked at every second; half a second later it fails.
    _ = plane.wait(.milliseconds(500), beating: ["a"])
    _ = plane.obey("a", condition: .failed(unavailable))
    let early = plane.wait(.milliseconds(990), beating: ["a"])
    #expect(!early.contains("a: m#1 active"))
    #expect(plane.wait(.milliseconds(10), beating: ["a"]).contains("a: m#1 active"))
  }

  @Test mutating func `what found no node is placed when one comes`() {
    plane.serve(on: ["a"], PlacementRules(replicas: 2, fallbacks: 0))
    #expect(plane.attach("b") == ["b: ", "b: m#1 active"])
  }

  @Test mutating func `what found no node is looked at again every second`() throws {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 1))
    #expect(plane.logic.planner?.unsatisfied.count == 1)
    let first = plane.logic.planner?.retryAt
    _ = plane.wait(.seconds(1) + .milliseconds(10), beating: ["a"])
    let second = plane.logic.planner?.retryAt
    #expect(try #require(second) - #require(first) >= .seconds(1))
    #expect(plane.attach("b") == ["b: ", "b: m#1 fallback"])
    #expect(plane.logic.planner?.retryAt == nil)
    #expect(plane.logic.planner?.unsatisfied == [])
  }

  @Test mutating func `only the last that was replaced is kept`() {
    plane.serve(on: ["a"], one)
    for version in ["2", "3"] {
      _ = plane.push(version)
      _ = plane.deploy(version, one)
      _ = plane.obey("a")
      _ = plane.obey("a")
    }
    #expect(
      plane.plans[ControlPlaneDriver.node("a")].map(ControlPlaneDriver.text)
        == "m#2 retained, m#3 active")
  }

  @Test mutating func `of what is replaced only what is ready is kept`() {
    plane.serve(on: ["a", "b"], PlacementRules())
    _ = plane.obey("b", condition: .preparing)
    _ = plane.push("2")
    _ = plane.deploy("2", PlacementRules())
    _ = plane.obey("a")
    let node = ControlPlaneDriver.node("b")
    let plan = plane.plans[node]
    #expect(plan.map(ControlPlaneDriver.text) == "m#2 fallback")
  }

  @Test mutating func `a deployment change is announced`() {
    plane.serve(on: ["a"], one)
    _ = plane.push("2")
    _ = plane.deploy("2", one)
    _ = plane.obey("a")
    #expect(
      plane.news() == [
        "deployment_change module/m", "module_start module/m", "scale_event module/m",
        "module_stop module/m", "scale_event module/m",
      ])
  }

  @Test mutating func `an undeployment is announced as the change that it is`() {
    plane.serve(on: ["a"], one)
    _ = plane.undeploy()
    let change = plane.announced.first { $0.type == .deploymentChange }
    #expect(change?.target == "module/m")
    #expect(change?.payload == ["generation": .integer(1), "deployed": .bool(false)])
    _ = plane.news()
    _ = plane.deploy("1", one)
    _ = plane.obey("a")
    #expect(
      plane.announced.first { $0.type == .deploymentChange }?.payload["deployed"] == .bool(true))
  }

  @Test mutating func `a deployment that replaces another waits for all that should serve`() {
    for node in ["a", "b"] { _ = plane.attach(node) }
    _ = plane.push("1")
    #expect(
      plane.deploy("1", PlacementRules(replicas: 2, fallbacks: 0))
        == ["a: m#1 fallback", "b: m#1 fallback"])
    #expect(plane.obey("a") == [], "one of two")
    #expect(plane.obey("b") == ["deployed [\"m#1\"]", "a: m#1 active", "b: m#1 active"])
  }

  @Test mutating func `what is scaled to nothing is deployed when one that could serve is ready`() {
    _ = plane.attach("a")
    _ = plane.push("1")
    #expect(plane.deploy("1", PlacementRules(replicas: 0)) == ["a: m#1 fallback"])
    #expect(plane.obey("a") == ["deployed [\"m#1\"]"])
    #expect(plane.invoke() == ["no invocation: scaled_to_zero"])
    _ = plane.push("2")
    #expect(
      plane.deploy("2", PlacementRules(replicas: 0, fallbacks: 0)).contains("deployed [\"m#2\"]"))
  }

  @Test mutating func `what a node refused for the sake of security is on record`() {
    _ = plane.attach("a")
    _ = plane.push("1")
    _ = plane.deploy("1", one)
    let refused = Problem(.refused, code: "signature_invalid", "no")
    #expect(plane.obey("a", condition: .failed(refused)) == ["a: ", "refused signature_invalid"])
    let events = plane.changes.compactMap { change -> SecurityEvent? in
      if case .appendSecurityEvent(let event) = change { event } else { nil }
    }
    #expect(events.last?.kind == .placementRefused)
    #expect(events.last?.subject == "m@1")
    #expect(events.last?.reason == "signature_invalid")
  }

  @Test mutating func `the fault of a node is held against it, that of a module is not`() {
    _ = plane.attach("a")
    _ = plane.news()
    let invalid = Problem(.invalidInput, code: "module_invalid", "no")
    _ = plane.push("1")
    for problem in [invalid, unavailable] {
      for _ in 0..<5 {
        _ = plane.deploy("1", one)
        _ = plane.news()
        #expect(plane.obey("a", condition: .failed(problem)).contains("refused \(problem.code)"))
        #expect(plane.news().first == "module_failure module/m")
      }
      #expect(plane.logic.brokenNodes.isEmpty == (problem == invalid))
    }
  }

  @Test mutating func `a report that is older than one that was heard is nothing`() {
    plane.serve(on: ["a"], one)
    let node = ControlPlaneDriver.node("a")
    _ = plane.tell(
      .agentSpoke(
        .reported(
          NodeReport(
            node: node, incarnation: Incarnation(1), sequence: 1, plan: .zero, placements: []))))
    #expect(plane.invoke() == ["invoke on a"])
  }

  @Test mutating func `what a node should hold and does not is missed`() {
    plane.serve(on: ["a", "b"], one)
    let plan = plane.plans[ControlPlaneDriver.node("a")]?.version ?? .zero
    let texts = plane.tell(
      .agentSpoke(
        .reported(
          NodeReport(
            node: ControlPlaneDriver.node("a"), incarnation: Incarnation(1), sequence: .max,
            plan: plan, placements: []))))
    #expect(texts == ["a: ", "b: m#1 active"])
  }

  @Test mutating func `reports and heartbeats of a node are acknowledged`() {
    plane.serve(on: ["a"], one)
    let plan = plane.plans[ControlPlaneDriver.node("a")]?.version ?? .zero
    _ = plane.obey("a")
    guard case .reportAcknowledged(Incarnation(1), sequence: _, term: 1)? = plane.sent.last else {
      Issue.record("\(String(describing: plane.sent.last))")
      return
    }
    _ = plane.beat("a")
    #expect(
      plane.sent.last
        == .heartbeatAcknowledged(Incarnation(1), sequence: 1, plan: plan, term: 1))
  }

  @Test
  mutating func `a node that does not hear is lost, is told that it is heard, and comes back`() {
    plane.serve(on: ["a"], one)
    let silence = NodeTracker.Configuration().silence
    let interval = NodeTracker.Configuration().heartbeatInterval
    let node = ControlPlaneDriver.node("a")
    for beat in 1...(silence.suspicionCeiling + silence.lossCeiling + 1) {
      _ = plane.wait(interval, beating: [])
      _ = plane.beat("a", heardAgo: interval * beat)
    }
    #expect(plane.logic.tracker.nodes[node]?.state == .unavailable)
    _ = plane.beat("a", heardAgo: .seconds(1))
    guard case .heartbeatAcknowledged(_, _, let plan, 1)? = plane.sent.last else {
      Issue.record("it would never know that it is heard")
      return
    }
    #expect(plan == PlanVersion(term: 1, counter: 0), "of no plan: its leases do not run on")
    #expect(plane.beat("a").contains("a: unknown"), "it has to attach again")
    #expect(plane.logic.tracker.nodes[node]?.state == .recovered)
    guard case .heartbeatAcknowledged(_, _, let still, 1)? = plane.sent.last else {
      Issue.record(
        "its connection may come back later, and until then it would not know that it is heard")
      return
    }
    #expect(still == plan)
  }

  @Test mutating func `a node that hears little is told something that goes over its connection`() {
    plane.serve(on: ["a"], one)
    let interval = NodeTracker.Configuration().heartbeatInterval
    func isTold(after heardAgo: Duration) -> Bool {
      let before = plane.sent.count
      _ = plane.beat("a", heardAgo: heardAgo)
      return plane.sent[before...].contains(
        .reportAcknowledged(Incarnation(1), sequence: 0, term: 1))
    }
    #expect(!isTold(after: interval * 2))
    #expect(isTold(after: interval * 2 + .milliseconds(1)))
  }

  @Test mutating func `a report of a node that has not attached is asked who it is`() {
    let report = NodeReport(
      node: ControlPlaneDriver.node("a"), incarnation: Incarnation(1), sequence: 2, plan: .zero,
      placements: [])
    #expect(plane.tell(.agentSpoke(.reported(report))) == ["a: unknown"])
    _ = plane.attach("a", incarnation: 2)
    #expect(plane.tell(.agentSpoke(.reported(report))) == ["a: unknown"], "of another start")
    _ = plane.die("a", .connectionClosed, incarnation: 2)
    #expect(plane.beat("a", incarnation: 2) == ["a: unknown"], "it has to attach again")
  }

  @Test mutating func `a new generation goes where the old one is already`() {
    _ = plane.attach("a")
    _ = plane.command(.cordon, "a")
    plane.serve(on: ["b"], one)
    _ = plane.command(.uncordon, "a")
    _ = plane.push("2")
    #expect(plane.deploy("2", one) == ["b: m#1 active, m#2 fallback"])
  }
}
