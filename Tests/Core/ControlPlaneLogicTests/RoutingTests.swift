import ClusterModel
import EventRouting
import NodeTracking
import Scheduling
import Testing

@testable import ControlPlaneLogic

/// Where events and invocations run, and what comes of nodes that fail them.
@Suite struct RoutingTests {
  private var plane = ControlPlaneDriver()
  private let both = PlacementRules(replicas: 2, fallbacks: 0)
  private let fault = ActivationEnd.finished(
    Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: "t")),
    .failure(ActivationFailure(code: .internalError, message: "no")), data: nil)
  private let success = ActivationEnd.finished(
    Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: "t")), .success([]), data: nil)

  /// The invocation that was begun as number `index` has ended.
  private mutating func endInvocation(_ index: Int, isFaultOfNode: Bool = false) -> [String] {
    plane.end(index, .answered(isFaultOfNode: isFaultOfNode))
  }

  private mutating func endActivation(_ index: Int, _ end: ActivationEnd) -> [String] {
    let (id, route) = plane.activations[index]
    return plane.tell(.activationEnded(id, route, end))
  }

  @Test mutating func `an invocation runs where the least runs`() {
    plane.serve(on: ["a", "b"], both)
    #expect(plane.invoke() == ["invoke on a"])
    #expect(plane.invoke() == ["invoke on b"])
    #expect(plane.invoke() == ["invoke on a"])
    #expect(plane.invoke() == ["invoke on b"])
    _ = endInvocation(1)
    #expect(plane.invoke() == ["invoke on b"])
    _ = endInvocation(1)
    #expect(plane.invoke() == ["invoke on a"], "that it ended twice counts once")
  }

  @Test mutating func `events count for what runs as invocations do`() {
    plane.serve(on: ["a", "b"], both)
    #expect(plane.emit() == ["activate 1 on a, attempt 1"])
    #expect(plane.invoke() == ["invoke on b"])
    #expect(endActivation(0, success) == ["1 succeeded"])
    #expect(plane.invoke() == ["invoke on a"])
    #expect(endActivation(0, success) == ["late answer to 1 from a"], "it ended before")
  }

  @Test mutating func `a node in doubt gets nothing as long as another serves`() {
    plane.serve(on: ["a", "b"], both)
    _ = plane.wait(.milliseconds(250), beating: ["b"])
    #expect(plane.logic.availability(of: ControlPlaneDriver.node("a")) == .suspect)
    #expect(plane.invoke() == ["invoke on b"])
    #expect(plane.invoke() == ["invoke on b"])
  }

  @Test mutating func `nodes in doubt serve when there is nothing else`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.wait(.milliseconds(250), beating: [])
    #expect(plane.logic.availability(of: ControlPlaneDriver.node("a")) == .suspect)
    #expect(plane.invoke() == ["invoke on a"])
  }

  @Test mutating func `an event runs again elsewhere when its node is lost, as the same attempt`() {
    plane.serve(on: ["a", "b"], both)
    #expect(plane.emit() == ["activate 1 on a, attempt 1"])
    _ = plane.die("a", .processEnded)
    #expect(endActivation(0, success) == ["late answer to 1 from a"], "it does not count any more")
    let texts = plane.wait(.seconds(1), beating: ["b"])
    #expect(texts.filter { $0.hasPrefix("activate") } == ["activate 1 on b, attempt 1"])
    #expect(endActivation(1, success) == ["1 succeeded"])
  }

  @Test mutating func `an event runs on when its node says again what it holds`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.emit()
    #expect(!plane.attach("a", holding: plane.held("a")).contains { $0.hasPrefix("activate") })
    #expect(endActivation(0, success) == ["1 succeeded"])
  }

  @Test mutating func `an event that cannot be read is no attempt while the log is away`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.emit()
    let away = Problem(.unavailable, code: "disk_busy", "later")
    #expect(endActivation(0, .eventUnreadable(away)) == [])
    let texts = plane.wait(.seconds(1), beating: ["a"])
    #expect(texts == ["activate 1 on a, attempt 1"])
    let broken = Problem(.internalFault, code: "event_broken", "no")
    #expect(endActivation(1, .eventUnreadable(broken)) == ["1 failed"])
  }

  @Test mutating func `a node that is at fault again and again is not asked for a while`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    for _ in 0..<5 { _ = plane.invoke() }
    for index in 0..<4 { _ = endInvocation(index, isFaultOfNode: true) }
    #expect(plane.news() == [])
    _ = endInvocation(4, isFaultOfNode: true)
    #expect(plane.announced.map(\.payload) == [["breakerOpen": .bool(true)]])
    #expect(plane.news() == ["node_state node/a"])
    _ = plane.push("2")
    #expect(plane.deploy("2", PlacementRules(fallbacks: 0)) == ["refused no_node"])
    _ = plane.wait(.seconds(1), beating: ["a"])
    #expect(
      plane.deploy("2", PlacementRules(fallbacks: 0)) == ["a: m#1 active, m#3 fallback"],
      "it is tried again")
  }

  @Test mutating func `a node whose breaker is half open gets one thing to try, and then no more`()
  {
    plane.serve(on: ["a", "b"], both)
    for _ in 0..<10 { _ = plane.invoke() }
    for index in 0..<10 where plane.invocations[index].route.node.text == "a" {
      _ = endInvocation(index, isFaultOfNode: true)
    }
    #expect(plane.news() == ["node_state node/a"])
    for index in 0..<10 { _ = endInvocation(index) }
    #expect(plane.invoke() == ["invoke on b"], "the breaker of the other is open")
    #expect(plane.invoke() == ["invoke on b"])
    _ = plane.wait(.seconds(1), beating: ["a", "b"])
    #expect(plane.invoke() == ["invoke on a"], "the one that tells whether it works again")
    #expect(plane.invoke() == ["invoke on b"])
    _ = endInvocation(12)
    #expect(plane.invoke() == ["invoke on a"], "two in a row")
    _ = endInvocation(14)
    #expect(plane.invoke() == ["invoke on a"], "as any other, and nothing runs there")
  }

  /// What was told of breakers since the last time.
  private mutating func breakerNews() -> [JSONValue] {
    defer { _ = plane.news() }
    return plane.announced.compactMap { $0.payload["breakerOpen"] }
  }

  @Test mutating func `each change of a breaker is told once, also that it is open no more`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    for _ in 0..<6 { _ = plane.invoke() }
    for index in 0..<5 { _ = endInvocation(index, isFaultOfNode: true) }
    #expect(breakerNews() == [.bool(true)])
    _ = plane.wait(.seconds(1), beating: ["a"])
    #expect(breakerNews() == [.bool(false)])
    _ = endInvocation(5, isFaultOfNode: true)
    #expect(breakerNews() == [.bool(true)], "it was being tried")
    _ = plane.wait(.seconds(2), beating: ["a"])
    #expect(breakerNews() == [.bool(false)])
    for index in 6..<8 {
      _ = plane.invoke()
      _ = endInvocation(index)
    }
    #expect(breakerNews() == [], "that it is closed is no news")
  }

  @Test mutating func `with a node that is forgotten goes its breaker`() {
    plane.serve(on: ["a", "b"], both)
    for _ in 0..<10 { _ = plane.invoke() }
    for index in 0..<10 where plane.invocations[index].route.node.text == "a" {
      _ = endInvocation(index, isFaultOfNode: true)
    }
    #expect(breakerNews() == [.bool(true)])
    _ = plane.command(.evict, "a")
    #expect(breakerNews() == [.bool(false)])
    _ = plane.wait(.seconds(1), beating: ["b"])
    #expect(breakerNews() == [], "nothing is left that could be over")
  }

  @Test mutating func `before anything was measured the nearest is tried first`() {
    var configuration = ControlPlaneLogic.Configuration()
    configuration.entry = NodeLocation(zone: Zone(unchecked: "hall"))
    plane = ControlPlaneDriver(configuration: configuration)
    plane.serve(on: ["a", "b"], both)
    for (node, trip) in [("a", 20_000), ("b", 2000)] as [(String, Int64)] {
      _ = plane.tell(
        .roundTripsMeasured(
          from: ControlPlaneDriver.node(node),
          [
            RoundTripSample(to: .landmark(Zone(unchecked: "hall")), microseconds: trip)
          ]))
    }
    for _ in 0..<9 { #expect(plane.invoke() == ["invoke on b"]) }
    #expect(plane.invoke() == ["invoke on a"], "ten times 2 ms are one time 20")
  }

  @Test mutating func `an event that failed through the fault of a node counts against it`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    for _ in 0..<5 { _ = plane.invoke() }
    for index in 0..<4 { _ = endInvocation(index, isFaultOfNode: true) }
    _ = plane.emit()
    #expect(endActivation(0, fault) == ["1 failed"])
    #expect(plane.news() == ["node_state node/a"])
  }

  @Test mutating func `a module that fails says nothing about its node`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    for _ in 0..<10 {
      _ = plane.invoke()
      _ = endInvocation(plane.invocations.count - 1, isFaultOfNode: false)
    }
    for index in 0..<10 {
      _ = plane.emit()
      #expect(endActivation(index, success) == ["\(index + 1) succeeded"])
    }
    #expect(plane.news() == [])
  }

  @Test
  mutating func `an answer that comes after it was given up does not count, also on the same node`()
  {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    #expect(plane.emit() == ["activate 1 on a, attempt 1"])
    // The wall time and the grace that a module has by itself.
    let texts = plane.wait(.seconds(331), beating: ["a"])
    #expect(
      texts.filter { !$0.hasPrefix("send") }
        == ["give up 1", "1 failed", "activate 1 on a, attempt 2"])
    #expect(endActivation(0, success) == ["late answer to 1 from a"], "the first one, at last")
    #expect(endActivation(1, success) == ["1 succeeded"])
  }

  @Test mutating func `where a module runs is said of what serves right now`() {
    let name = QualifiedName(.default, ModuleName(unchecked: "m"))
    #expect(plane.logic.routes(of: name) == [])
    plane.serve(on: ["a", "b", "c"], PlacementRules(replicas: 2, fallbacks: 1))
    #expect(plane.logic.routes(of: name).map(\.node.text) == ["a", "b"])
    #expect(
      plane.logic.routes(of: name).map(\.fence)
        == ["a", "b"].compactMap { plane.held($0).first?.fence })
    _ = plane.obey("b", condition: .preparing)
    #expect(plane.logic.routes(of: name).map(\.node.text) == ["a"])
  }
}
