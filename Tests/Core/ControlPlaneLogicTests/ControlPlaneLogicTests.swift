import ClusterModel
import EventRouting
import ModuleCatalog
import NodeTracking
import Scheduling
import Testing

@testable import ControlPlaneLogic

@Suite struct ControlPlaneLogicTests {
  private var plane = ControlPlaneDriver()
  private let nodes = ["a", "b", "c", "d"]

  /// Version 1 on `a`, with `b` as its fallback.
  private mutating func deployOne(_ isolation: IsolationPolicy = .continue) {
    for node in nodes { _ = plane.attach(node) }
    _ = plane.push("1")
    #expect(
      plane.deploy("1", PlacementRules(isolation: isolation))
        == ["a: m#1 fallback", "b: m#1 fallback"])
    _ = plane.obey("b")
    #expect(plane.obey("a") == ["deployed [\"m#1\"]", "a: m#1 active"])
    _ = plane.obey("a")
    _ = plane.news()
  }

  @Test mutating func `a deployment is prepared, made durable, and serves`() {
    deployOne()
    #expect(plane.invoke() == ["invoke on a"])
  }

  @Test mutating func `a deployment that no node can run is refused`() {
    _ = plane.attach("a")
    _ = plane.push("1")
    #expect(plane.deploy("1", PlacementRules(hardware: ["gpu"])) == ["refused no_node"])
    #expect(plane.invoke() == ["no invocation: not_deployed"])
  }

  @Test mutating func `a deployment waits for a node that is only suspect`() {
    _ = plane.attach("a")
    _ = plane.wait(.milliseconds(250), beating: [])
    _ = plane.push("1")
    #expect(plane.deploy("1", PlacementRules(hardware: ["gpu"])) == ["refused no_node"])
    #expect(plane.deploy("1", PlacementRules(fallbacks: 0)) == [])
    #expect(plane.wait(.milliseconds(250), beating: ["a"]).contains("a: m#2 fallback"))
    #expect(plane.obey("a") == ["deployed [\"m#2\"]", "a: m#2 active"])
  }

  @Test mutating func `a deployment is refused when the node that it waited for is lost`() {
    _ = plane.attach("a")
    _ = plane.wait(.milliseconds(250), beating: [])
    _ = plane.push("1")
    #expect(plane.deploy("1", PlacementRules(fallbacks: 0)) == [])
    #expect(!plane.wait(.seconds(2), beating: []).contains("refused no_node"))
    #expect(plane.wait(.seconds(2), beating: []).contains("refused no_node"))
    #expect(plane.invoke() == ["no invocation: not_deployed"])
  }

  @Test mutating func `a deployment waits for a node that fell silent a moment ago`() {
    _ = plane.attach("a")
    _ = plane.wait(.seconds(1), beating: [])
    #expect(plane.logic.availability(of: ControlPlaneDriver.node("a")) == .unavailable)
    _ = plane.push("1")
    #expect(plane.deploy("1", PlacementRules(hardware: ["gpu"])) == ["refused no_node"])
    #expect(plane.deploy("1", PlacementRules(fallbacks: 0)) == [])
    let texts = plane.attach("a") + plane.wait(.milliseconds(250), beating: ["a"])
    #expect(texts.contains("a: m#2 fallback"))
    #expect(plane.obey("a") == ["deployed [\"m#2\"]", "a: m#2 active"])
  }

  @Test mutating func `a deployment does not wait for a node that is known to have ended`() {
    _ = plane.attach("a")
    _ = plane.die("a", .processEnded)
    _ = plane.push("1")
    #expect(plane.deploy("1", PlacementRules(fallbacks: 0)) == ["refused no_node"])
  }

  @Test mutating func `a deployment is refused when the node that it waited for takes nothing new`()
  {
    _ = plane.attach("a")
    _ = plane.wait(.milliseconds(250), beating: [])
    _ = plane.push("1")
    #expect(plane.deploy("1", PlacementRules(fallbacks: 0)) == [])
    _ = plane.command(.cordon, "a")
    #expect(plane.wait(.milliseconds(250), beating: ["a"]).contains("refused no_node"))
  }

  @Test mutating func `the fault of a module is refused, the fault of a node is gone round`() {
    for node in nodes { _ = plane.attach(node) }
    _ = plane.push("1")
    _ = plane.deploy("1", PlacementRules(fallbacks: 0))
    let broken = Problem(.unavailable, code: "fetch_failed", "it did not arrive")
    #expect(
      plane.obey("a", condition: .failed(broken)) == ["a: ", "b: m#1 fallback"])
    let invalid = Problem(.invalidInput, code: "module_invalid", "it is no module")
    _ = plane.news()
    #expect(plane.obey("b", condition: .failed(invalid)) == ["b: ", "refused module_invalid"])
    let failure = plane.announced.last { $0.type == .moduleFailure }
    #expect(failure?.target == "module/m")
    #expect(failure?.payload["node"] == .string("b"))
    #expect(failure?.payload["code"] == .string("module_invalid"))
  }

  @Test mutating func `when a node dies its fallback serves at once, and a new one is found`() {
    deployOne()
    #expect(
      plane.tell(.agentDied(ControlPlaneDriver.node("a"), Incarnation(1), .processEnded))
        == ["b: m#1 active", "c: m#1 fallback"])
    #expect(
      plane.news() == [
        "node_failure node/a", "module_stop module/m", "scale_event module/m",
        "module_start module/m", "scale_event module/m", "node_failover node/a",
      ])
    #expect(plane.invoke() == ["invoke on b"])
  }

  @Test mutating func `a node that is silent is given up within its ceiling`() {
    deployOne()
    let texts = plane.wait(.seconds(2), beating: ["b", "c", "d"])
    #expect(texts.contains("b: m#1 active"))
    #expect(plane.invoke() == ["invoke on b"])
  }

  @Test mutating func `an invocation on a node that is lost has an unknown outcome`() {
    deployOne()
    #expect(plane.invoke() == ["invoke on a"])
    let texts = plane.tell(.agentDied(ControlPlaneDriver.node("a"), Incarnation(1), .processEnded))
    #expect(texts.contains("no invocation: outcome_unknown"))
  }

  @Test mutating func `a delivery that is interrupted is run again, and a late outcome is nothing`()
  {
    deployOne()
    let pending = PendingDelivery(
      id: DeliveryID(1), offset: EventOffset(1), namespace: .default,
      module: ModuleName(unchecked: "m"), failedAttempts: 0, footprint: ByteCount(bytes: 10))
    #expect(plane.tell(.events(.recovered([pending]))) == ["activate 1 on a, attempt 1"])
    guard let route = plane.activations.first?.1 else {
      Issue.record("it serves nowhere")
      return
    }
    #expect(plane.tell(.activationEnded(DeliveryID(1), route, .interrupted)) == [])
    let event = Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: "t"))
    let late = ActivationEnd.finished(event, .success([]), data: nil)
    #expect(
      plane.tell(.activationEnded(DeliveryID(1), route, late)) == ["late answer to 1 from a"])
    let texts = plane.wait(.seconds(1), beating: nodes)
    #expect(texts.filter { $0.hasPrefix("activate") } == ["activate 1 on a, attempt 1"])
    #expect(plane.logic.router.pendingCount == 1)
  }

  @Test
  mutating func `what must stop when isolated is begun elsewhere only when its lease is over`() {
    deployOne(.stop)
    _ = plane.wait(.milliseconds(100), beating: nodes)
    // The connection is gone; that says nothing about the process.
    let closed = plane.tell(
      .agentDied(ControlPlaneDriver.node("a"), Incarnation(1), .connectionClosed))
    #expect(!closed.contains("b: m#1 active"))
    let soon = plane.wait(LeaseRules.duration - .milliseconds(100), beating: ["b", "c", "d"])
    #expect(!soon.contains("b: m#1 active"))
    let later = plane.wait(.milliseconds(300), beating: ["b", "c", "d"])
    #expect(later.contains("b: m#1 active"))
  }

  @Test mutating func `a process that has ended holds no lease`() {
    deployOne(.stop)
    _ = plane.wait(.milliseconds(100), beating: nodes)
    let texts = plane.tell(.agentDied(ControlPlaneDriver.node("a"), Incarnation(1), .processEnded))
    #expect(texts.contains("b: m#1 active"))
  }

  @Test mutating func `what is replaced stays ready for a rollback`() throws {
    deployOne()
    _ = plane.push("2")
    _ = plane.deploy("2", PlacementRules())
    _ = plane.obey("b")
    #expect(plane.obey("a").contains("deployed [\"m#2\"]"))
    let plan = try #require(plane.plans[ControlPlaneDriver.node("a")])
    #expect(ControlPlaneDriver.text(plan) == "m#1 retained, m#2 active")
  }

  @Test mutating func `a drained node gives its work away and keeps it until then`() {
    deployOne()
    let drained = plane.tell(
      .nodeCommanded(
        plane.nextRequest(), ControlPlaneDriver.node("a"), .drain, ControlPlaneDriver.requester))
    #expect(drained.contains("b: m#1 active"))
    #expect(drained.contains("a: "), "another was ready, so that nothing keeps it there")
    #expect(plane.invoke() == ["invoke on b"])
  }

  @Test mutating func `a control plane that starts adopts what runs`() throws {
    deployOne()
    let deployment = try #require(plane.logic.catalog.placed.values.first).deployment
    let held = try #require(plane.plans[ControlPlaneDriver.node("a")]).orders.map {
      HeldPlacement($0.deployment, role: $0.role, fence: $0.fence, condition: .ready)
    }
    let known = nodes.map {
      KnownNode(registration: plane.registration($0), scheduling: .open)
    }
    let versions = plane.logic.catalog.versions.values.flatMap { $0 }
    var next = ControlPlaneDriver(
      CatalogSnapshot(
        versions: versions, deployments: [deployment], history: [deployment], nodes: known,
        term: 1))
    #expect(next.logic.term == 2)
    #expect(next.attach("b") == ["b: "], "nothing is placed before the others were heard")
    #expect(next.attach("a", holding: held) == ["a: m#1 active"])
    #expect(
      next.plans[ControlPlaneDriver.node("a")]?.orders.first?.fence == held.first?.fence,
      "nothing is begun anew")
    #expect(next.invoke() == ["invoke on a"])
  }

  @Test mutating func `a heartbeat of somebody unknown is asked who it is`() {
    #expect(plane.beat("x") == ["x: unknown"])
    _ = plane.attach("x", incarnation: 5)
    #expect(plane.beat("x", incarnation: 4) == ["x: unknown"])
    #expect(plane.attach("x", incarnation: 4).contains("x: refused node_incarnation_older"))
  }
}
