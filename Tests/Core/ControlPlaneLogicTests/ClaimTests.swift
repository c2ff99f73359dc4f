import ClusterModel
import NodeTracking
import Testing

@testable import ControlPlaneLogic

/// What must stop when isolated has effects as long as nobody else may serve, and none from then on.
@Suite struct ClaimTests {
  private var plane = ControlPlaneDriver()
  private static let expiry = LeaseRules.expiry

  /// The fence that a node was given last.
  private func fence(_ name: String, _ generation: Int = 1) -> PlanVersion? {
    plane.plans[ControlPlaneDriver.node(name)]?.orders
      .first { $0.placement == plane.placement(generation) }?.fence
  }

  private func judge(
    _ name: String, _ fence: PlanVersion?, _ generation: Int = 1
  ) -> ClaimVerdict {
    let placement = plane.placement(generation)
    return plane.logic.judge(
      fence.map { .fence(placement, $0) } ?? .none, of: placement.name,
      on: ControlPlaneDriver.node(name), at: plane.now)
  }

  private mutating func serve(on names: [String], _ isolation: IsolationPolicy = .stop) {
    plane.serve(on: names, PlacementRules(isolation: isolation))
    _ = plane.beat("a")
  }

  @Test mutating func `who serves acts under its fence, and nobody else does`() throws {
    serve(on: ["a", "b"])
    let fence = try #require(self.fence("a"))
    #expect(judge("a", fence) == .holds)
    #expect(judge("b", fence) == .over)
    #expect(judge("b", self.fence("b")) == .over, "a fallback")
    #expect(judge("a", nil) == .holds, "earlier agents do not say")
    #expect(judge("b", nil) == .over)
    #expect(judge("a", PlanVersion(term: fence.term + 1, counter: 1)) == .over)
  }

  @Test mutating func `what may serve on when isolated needs no right`() {
    serve(on: ["a", "b"], .continue)
    _ = plane.die("a", .connectionClosed)
    #expect(judge("a", nil) == .holds)
  }

  @Test mutating func `who is silent acts until its lease is over, and no more after that`() throws
  {
    serve(on: ["a", "b"])
    let fence = try #require(self.fence("a"))
    _ = plane.die("a", .connectionClosed)
    #expect(judge("a", fence) == .holds)
    _ = plane.wait(Self.expiry - .milliseconds(10), beating: ["b"])
    #expect(judge("a", fence) == .holds, "nobody has taken over")
    _ = plane.wait(.milliseconds(10), beating: ["b"])
    #expect(judge("a", fence) == .over)
    #expect(judge("b", self.fence("b")) == .holds)
  }

  @Test mutating func `of a process that has ended nothing more is taken in`() throws {
    serve(on: ["a", "b"])
    let fence = try #require(self.fence("a"))
    _ = plane.die("a", .processEnded)
    #expect(judge("a", fence) == .over)
  }

  @Test mutating func `who comes back after another has served is refused what it did before`()
    throws
  {
    serve(on: ["a", "b"])
    let fence = try #require(self.fence("a"))
    _ = plane.die("a", .connectionClosed)
    _ = plane.wait(Self.expiry, beating: ["b"])
    _ = plane.attach("a")
    _ = plane.die("b", .processEnded)
    _ = plane.obey("a")
    let newer = try #require(self.fence("a"))
    #expect(fence < newer)
    #expect(judge("a", newer) == .holds)
    #expect(judge("a", fence) == .replaced)
  }

  @Test mutating func `the next generation on the same node lets the last one finish`() throws {
    serve(on: ["a"])
    let old = try #require(self.fence("a"))
    _ = plane.push("2")
    _ = plane.deploy("2", PlacementRules(isolation: .stop))
    #expect(plane.obey("a").contains("a: m#1 retained, m#2 active"))
    #expect(judge("a", old) == .holds)
    #expect(judge("a", fence("a", 2), 2) == .holds)
    _ = plane.die("a", .processEnded)
    #expect(judge("a", old) == .over)
  }

  @Test mutating func `who comes back after it was evicted may have its lease still`() throws {
    serve(on: ["a", "b"])
    _ = plane.wait(.milliseconds(500), beating: ["a", "b"])
    let node = ControlPlaneDriver.node("a")
    let before = try #require(plane.logic.planner).leaseEnd(of: node)
    _ = plane.command(.evict, "a")
    _ = plane.attach("a")
    let after = try #require(plane.logic.planner).leaseEnd(of: node)
    #expect(after == before)
    _ = plane.wait(Self.expiry + .milliseconds(100), beating: ["b"])
    let isForgotten = try #require(plane.logic.planner).forgottenLeases.isEmpty
    #expect(isForgotten)
  }

  @Test mutating func `who is chosen anew follows nothing that served there before`() throws {
    serve(on: ["a"])
    let old = try #require(self.fence("a"))
    _ = plane.push("2")
    _ = plane.deploy("2", PlacementRules(isolation: .stop))
    _ = plane.obey("a")
    #expect(judge("a", old) == .holds)
    var planner = try #require(plane.logic.planner)
    let node = ControlPlaneDriver.node("a")
    var steps: [PlacementPlanner.Step] = []
    planner.demote(plane.placement(2), node, &steps)
    planner.choose(plane.placement(2), node, &steps)
    let verdict = planner.judge(
      .fence(plane.placement(1), old), of: plane.placement(1).name, on: node,
      at: plane.now.monotonic)
    #expect(verdict == .over)
  }

  @Test mutating func `what was undeployed acts until it has stopped`() throws {
    serve(on: ["a", "b"])
    let fence = try #require(self.fence("a"))
    _ = plane.undeploy()
    #expect(judge("a", fence) == .holds)
    _ = plane.obey("a")
    #expect(judge("a", fence) == .over)
  }

  @Test mutating func `before a control plane has begun nothing is taken in`() {
    serve(on: ["a"])
    let logic = ControlPlaneLogic(
      CatalogSnapshot(), configuration: ControlPlaneLogic.Configuration())
    #expect(
      logic.judge(
        .none, of: plane.placement(1).name, on: ControlPlaneDriver.node("a"), at: plane.now)
        == .over)
  }
}
