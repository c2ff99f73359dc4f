import ClusterModel
import NodeTracking
import Scheduling
import Testing

@testable import ControlPlaneLogic

/// How a control plane begins, and takes over from another.
@Suite struct BeginningTests {
  private let node = ControlPlaneDriver.node("a")

  private static func snapshot(_ scheduling: NodeScheduling, term: UInt64 = 4) -> CatalogSnapshot {
    let registration = ControlPlaneDriver().registration("a")
    return CatalogSnapshot(
      nodes: [KnownNode(registration: registration, scheduling: scheduling)], term: term)
  }

  @Test func `nothing is answered before the term is durable`() {
    var plane = ControlPlaneDriver(Self.snapshot(.open), store: .keepsLater)
    #expect(plane.changes == [.raiseTerm(5)])
    #expect(plane.attach("a") == [])
    #expect(plane.beat("a") == [])
    #expect(plane.sent.isEmpty)
    #expect(!plane.logic.hasBegun)
    #expect(plane.logic.term == 0)
    _ = plane.keep()
    #expect(plane.logic.hasBegun)
    #expect(plane.logic.term == 5)
    #expect(
      plane.sent == [.unknown(Incarnation(1), term: 5)],
      "who is known is asked at once what it holds")
    _ = plane.attach("a")
    #expect(plane.sent.dropFirst().first == .welcome(Incarnation(1), term: 5))
  }

  @Test func `a term that cannot be made durable is raised again a second later`() {
    var plane = ControlPlaneDriver(store: .fails)
    plane.store = .keepsAtOnce
    _ = plane.wait(.milliseconds(990), beating: [])
    #expect(!plane.logic.hasBegun)
    _ = plane.wait(.milliseconds(10), beating: [])
    #expect(plane.logic.term == 1)
    #expect(plane.changes == [.raiseTerm(1), .raiseTerm(1)])
  }

  @Test func `a node whose heartbeats are not in real time is told to beat less often`() {
    var plane = ControlPlaneDriver(
      configuration: ControlPlaneLogic.Configuration(tracking: .datagrams(.realTime)))
    _ = plane.attach("a")
    #expect(
      plane.sent.contains(
        .welcome(Incarnation(1), heartbeatInterval: .milliseconds(10), term: 1)))
  }

  @Test func `a node that is known is expected, and lost when it does not come`() {
    var plane = ControlPlaneDriver(Self.snapshot(.open))
    #expect(plane.logic.tracker.nodes[node]?.state == .suspect)
    #expect(plane.logic.availability(of: node) == .unavailable)
    _ = plane.wait(.seconds(6), beating: [])
    #expect(plane.logic.tracker.nodes[node]?.state == .unavailable)
  }

  @Test(arguments: NodeScheduling.allCases)
  func `what operators wanted of a node is so under the next control plane`(
    scheduling: NodeScheduling
  ) {
    var plane = ControlPlaneDriver(Self.snapshot(scheduling))
    _ = plane.attach("a")
    #expect(plane.logic.scheduling(of: node) == scheduling)
    #expect(plane.logic.tracker.nodes[node]?.scheduling == scheduling)
    #expect(
      plane.logic.availability(of: node)
        == [.open: .available, .cordoned: .cordoned, .draining: .draining][scheduling])
    _ = plane.push("1")
    let placed = plane.deploy("1", PlacementRules(fallbacks: 0))
    #expect(placed == (scheduling == .open ? ["a: m#1 fallback"] : ["refused no_node"]))
  }

  @Test func `what is deployed is placed once the nodes had time to say what they hold`() {
    var plane = ControlPlaneDriver()
    plane.serve(on: ["a", "b"], PlacementRules(fallbacks: 0))
    var next = ControlPlaneDriver(plane.snapshot)
    #expect(next.attach("b") == ["b: "])
    #expect(next.probe() == ["it waits"])
    _ = next.wait(.milliseconds(1990), beating: ["b"])
    #expect(next.probe() == ["it waits"])
    #expect(next.wait(.milliseconds(10), beating: ["b"]) == ["b: m#1 active"])
    _ = next.obey("b")
    #expect(next.invoke() == ["invoke on b"])
  }

  @Test func `what is deployed is placed at once when all nodes have said what they hold`() {
    var plane = ControlPlaneDriver()
    plane.serve(on: ["a", "b"], PlacementRules(fallbacks: 0))
    var next = ControlPlaneDriver(plane.snapshot)
    #expect(next.attach("b") == ["b: "])
    #expect(next.attach("a") == ["a: ", "a: m#1 active"])
  }

  @Test func `of two that serve and one that should, the first to say so goes on`() {
    var plane = ControlPlaneDriver()
    plane.serve(on: ["a", "b"], PlacementRules())
    var held = plane.held("a")
    var next = ControlPlaneDriver(plane.snapshot)
    #expect(next.attach("b", holding: held) == ["b: m#1 active"])
    let news = next.news()
    #expect(news.contains("module_start module/m"))
    held[0].fence = PlanVersion(term: 1, counter: 99)
    #expect(next.attach("a", holding: held) == ["a: m#1 fallback"])
    #expect(!next.news().contains("module_start module/m"))
    #expect(next.plans[node]?.orders.first?.fence != held[0].fence, "it has to stop")
    #expect(next.invoke() == ["invoke on b"])
  }

  @Test func `a fallback is adopted as one, under the fence it has`() {
    var plane = ControlPlaneDriver()
    plane.serve(on: ["a", "b"], PlacementRules())
    var next = ControlPlaneDriver(plane.snapshot)
    let held = plane.held("b")
    #expect(next.attach("b", holding: held) == ["b: m#1 fallback"])
    #expect(next.plans[ControlPlaneDriver.node("b")]?.orders.first?.fence == held[0].fence)
    _ = next.obey("b")
    #expect(next.wait(.seconds(2), beating: ["b"]) == ["b: m#1 active"], "nobody else serves")
  }

  @Test func `what is held of another deployment, or failed, or was replaced, is not adopted`() {
    var plane = ControlPlaneDriver()
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    let held = plane.held("a")[0]
    let problem = Problem(.unavailable, code: "fetch_failed", "no")
    let changes: [(inout HeldPlacement) -> Void] = [
      { $0.deployedAt = WallInstant(microseconds: 9) },
      { $0.condition = .failed(problem) },
      { $0.role = .retained },
    ]
    for change in changes {
      var other = held
      change(&other)
      var next = ControlPlaneDriver(plane.snapshot)
      let attached = next.attach("a", holding: [other])
      #expect(attached == ["a: ", "a: m#1 active"])
      #expect(next.plans[node]?.orders.first?.fence.term == 2, "it is begun anew")
    }
  }

  @Test func `what must stop when isolated is adopted, and begun, once no earlier lease may run`() {
    var plane = ControlPlaneDriver()
    plane.serve(on: ["a", "b"], PlacementRules(isolation: .stop))
    let held = plane.held("a")
    var next = ControlPlaneDriver(plane.snapshot)
    #expect(next.attach("a", holding: held) == ["a: m#1 fallback"], "another may hold a lease")
    _ = next.attach("b", holding: plane.held("b"))
    let soon = next.wait(LeaseRules.duration, beating: ["a", "b"])
    #expect(!soon.contains { $0.contains("active") })
    let later = next.wait(.milliseconds(50), beating: ["a", "b"])
    #expect(later.contains { $0.contains("active") })
  }
}
