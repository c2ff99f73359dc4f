import ClusterModel
import ModuleCatalog
import NodeTracking
import Scheduling
import Testing

@testable import ControlPlaneLogic

/// Very many placements of one node are lost at once.
@Suite struct BatchTests {
  private static let count = 1000
  private var plane = ControlPlaneDriver()

  private static func name(_ index: Int) -> ModuleName {
    ModuleName(unchecked: "m\(String(10_000 + index).dropFirst())")
  }

  /// All on one node, with a fallback each on one of two others.
  private mutating func deployOnOne() {
    _ = plane.attach("a")
    var wishes: [DeploymentWish] = []
    for index in 0..<Self.count {
      let record = ModuleVersionRecord(
        namespace: .default, name: Self.name(index), version: ModuleVersion(unchecked: "1"),
        digest: ModuleDigest(sha256: [UInt8](repeating: UInt8(index % 251), count: 32)),
        size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: plane.now.wall,
        pushedBy: .local)
      _ = plane.tell(.catalog(.moduleVerified(plane.nextRequest(), record)))
      wishes.append(
        DeploymentWish(
          name: record.name, version: record.version,
          configuration: DeploymentConfiguration(
            placement: PlacementRules(memory: .kibibytes(64)))))
    }
    _ = plane.tell(
      .catalog(
        .deploymentRequested(
          plane.nextRequest(), ApplicationName(unchecked: "many"), wishes,
          ControlPlaneDriver.requester)))
    letItSearch(beating: ["a"])
    for _ in 0..<2 {
      _ = plane.obey("a")
      letItSearch(beating: ["a"])
    }
    for node in ["b", "c"] { _ = plane.attach(node) }
    _ = plane.wait(.seconds(2), beating: ["a", "b", "c"])
    for node in ["a", "b", "c"] { _ = plane.obey(node) }
    letItSearch(beating: ["a", "b", "c"])
  }

  /// Very many are looked at in turns.
  private mutating func letItSearch(beating names: [String]) {
    // A turn in each 10 ms, which is how finely time passes here.
    _ = plane.wait(
      PlacementPlanner.calm + .milliseconds(10) * (1 + Self.count / PlacementPlanner.atOnce),
      beating: names)
  }

  private static func plans(_ messages: some Sequence<ControlMessage>) -> [NodePlan] {
    messages.compactMap { message in
      if case .plan(let plan) = message { plan } else { nil }
    }
  }

  private func routes(_ index: Int) -> [String] {
    plane.logic.routes(of: QualifiedName(.default, Self.name(index))).map(\.node.text)
  }

  // Feature: wasmatrix, Property 2: For any node that fails, the Control_Plane should mark it as unavailable and
  // redistribute workloads to healthy nodes
  @Test mutating func `a thousand placements of a dead node are one plan for each that takes over`()
  {
    deployOnOne()
    #expect((0..<Self.count).allSatisfy { routes($0) == ["a"] })
    let before = plane.sent.count
    _ = plane.die("a", .processEnded)
    // What takes over leaves before anything else is looked for.
    let first = Self.plans(plane.sent.dropFirst(before))
    #expect(first.map(\.node.text).sorted() == ["b", "c"])
    #expect(first.flatMap(\.orders).count { $0.role == .active } == Self.count)
    letItSearch(beating: ["b", "c"])
    let plans = Self.plans(plane.sent.dropFirst(before))
    #expect(plans.count == 4, "then once more with the new fallbacks")
    #expect(plans.suffix(2).flatMap(\.orders).count { $0.role == .fallback } == Self.count)
    // What people see of it.
    #expect(
      plane.logic.tracker.nodes[ControlPlaneDriver.node("a")]?.state == .unavailable)
    #expect((0..<Self.count).allSatisfy { ["b", "c"].contains(routes($0).joined()) })
    let explanation = plane.logic.explain(
      QualifiedName(.default, Self.name(0)), DeploymentConfiguration(), at: plane.now)
    let verdict = explanation.verdicts.first { $0.node.text == "a" }
    #expect(verdict?.rejections.map(\.code) == [.unavailable])
    #expect(!explanation.decision.selectedNodes.isEmpty)
  }

  @Test
  mutating func
    `what found no node is looked at again when one becomes available, not while it is`()
    throws
  {
    plane.serve(on: ["a"], PlacementRules(replicas: 1, fallbacks: 1))
    var planner = try #require(plane.logic.planner)
    let node = ControlPlaneDriver.node("a")
    #expect(!planner.unsatisfied.isEmpty && !planner.hasChanged)
    planner.setAvailability(.available, of: node)
    #expect(!planner.hasChanged)
    planner.setAvailability(.cordoned, of: node)
    planner.setAvailability(.available, of: node)
    #expect(planner.hasChanged)
  }

  @Test
  mutating func `a node that comes back with a thousand placements takes nothing from the others`()
  {
    deployOnOne()
    let held = plane.held("a")
    _ = plane.die("a", .connectionClosed)
    for node in ["b", "c"] { _ = plane.obey(node) }
    let before = plane.sent.count
    #expect(held.count == Self.count)
    _ = plane.attach("a", holding: held)
    let plans = Self.plans(plane.sent.dropFirst(before))
    #expect(
      (1...2).contains(plans.count { $0.node.text == "a" }), "all of them are told of at once")
    #expect(
      plans.filter { $0.node.text == "a" }.allSatisfy { plan in
        plan.orders.allSatisfy { $0.role == .fallback }
      })
    #expect((0..<Self.count).allSatisfy { ["b", "c"].contains(routes($0).joined()) })
  }
}
