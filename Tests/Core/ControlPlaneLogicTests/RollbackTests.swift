import ClusterModel
import NodeTracking
import Testing

@testable import ControlPlaneLogic

/// Back to what nodes still hold.
@Suite struct RollbackTests {
  private var plane = ControlPlaneDriver()
  private let rules = PlacementRules(replicas: 2, fallbacks: 0)

  /// Version 2 serves on both nodes, which hold version 1.
  init() {
    plane.serve(on: ["a", "b"], rules)
    _ = plane.push("2")
    _ = plane.deploy("2", rules)
    for _ in 0..<2 {
      for name in ["a", "b"] { _ = plane.obey(name) }
    }
  }

  @Test mutating func `it waits for the store and for no node`() {
    plane.store = .keepsLater
    #expect(plane.rollBack() == [], "no node is told before it is durable")
    #expect(
      plane.keep() == [
        "deployed [\"m#3\"]", "a: m#2 retained, m#3 active", "b: m#2 retained, m#3 active",
      ])
    #expect(plane.invoke().count == 1, "it serves")
    #expect(plane.invocations.last?.route.placement.generation == 3)
  }

  @Test mutating func `its answer leaves before the plans, unless a node is lost`() {
    plane.hearsAnswers = false
    #expect(plane.rollBack() == ["deployed [\"m#3\"]"])
    #expect(plane.invoke().count == 1, "it serves nevertheless")
    #expect(plane.invocations.last?.route.placement.generation == 3)
    let plans = ["a: m#2 retained, m#3 active", "b: m#2 retained, m#3 active"]
    #expect(plane.wait(PlacementPlanner.pause, beating: []) == plans)
    #expect(plane.rollBack() == ["deployed [\"m#4\"]"])
    #expect(
      plane.die("a", .processEnded).contains { $0.hasPrefix("b: ") && $0.contains("m#4 active") })
  }

  @Test mutating func `back and forth it is as quick`() {
    for generation in 3...6 {
      let texts = plane.rollBack()
      #expect(texts.first == "deployed [\"m#\(generation)\"]", "\(texts)")
      if generation.isMultiple(of: 2) { for name in ["a", "b"] { _ = plane.obey(name) } }
    }
  }

  @Test func `a fallback is told, too, though it holds it ready under another number`() {
    var plane = ControlPlaneDriver()
    let rules = PlacementRules(fallbacks: 1)
    plane.serve(on: ["a", "b"], rules)
    _ = plane.push("2")
    _ = plane.deploy("2", PlacementRules(fallbacks: 0))
    for _ in 0..<2 {
      for name in ["a", "b"] { _ = plane.obey(name) }
    }
    // What is replaced would have its nodes told of what comes.
    _ = plane.undeploy()
    for name in ["a", "b"] { _ = plane.obey(name) }
    _ = plane.deploy("1", rules)
    let orders = plane.plans.values.flatMap(\.orders).filter { $0.placement.generation == 3 }
    #expect(Set(orders.map(\.role)) == [.active, .fallback])
  }

  @Test mutating func `a node that does not hold it is waited for`() {
    _ = plane.attach("c")
    _ = plane.die("a", .processEnded)
    _ = plane.obey("c")
    let texts = plane.rollBack()
    #expect(texts.count == 1 && texts[0].hasPrefix("c: ") && texts[0].contains("m#3 fallback"))
    #expect(plane.obey("c").first == "deployed [\"m#3\"]")
  }

  @Test mutating func `it is as quick after the number of replicas was changed`() {
    _ = plane.scale(to: 1)
    for name in ["a", "b"] { _ = plane.obey(name) }
    let texts = ["a", "b"].map { ControlPlaneDriver.text(plane.plans[ControlPlaneDriver.node($0)]) }
    // Each node has both versions.
    #expect(
      texts.sorted() == ["m#1 retained, m#2 retained", "m#1 retained, m#3 active"])
    #expect(plane.rollBack().first == "deployed [\"m#4\"]")
  }

  @Test mutating func `more replicas again are as quick where they were before`() {
    _ = plane.scale(to: 0)
    for name in ["a", "b"] { _ = plane.obey(name) }
    #expect(plane.scale(to: 2).first == "deployed [\"m#4\"]")
    for name in ["a", "b"] { _ = plane.obey(name) }
    for name in ["a", "b"] {
      #expect(
        ControlPlaneDriver.text(plane.plans[ControlPlaneDriver.node(name)])
          == "m#1 retained, m#4 active", "nothing is held twice")
    }
  }

  @Test mutating func `a node that fails with it is given up like any`() {
    let texts = plane.rollBack()
    #expect(texts.first == "deployed [\"m#3\"]")
    let problem = Problem(.unavailable, code: "fetch_failed", "no")
    _ = plane.obey("a", condition: .failed(problem))
    #expect(plane.logic.planner?.serving(plane.placement(3)) == [ControlPlaneDriver.node("b")])
  }

  @Test mutating func `a node that is still making it ready serves when it is`() {
    _ = plane.rollBack()
    _ = plane.obey("a", condition: .preparing)
    #expect(plane.logic.planner?.serving(plane.placement(3)) == [ControlPlaneDriver.node("b")])
    _ = plane.obey("a")
    #expect(plane.logic.planner?.serving(plane.placement(3)).count == 2)
  }
}
