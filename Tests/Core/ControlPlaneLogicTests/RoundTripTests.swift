import ClusterModel
import NodeTracking
import Scheduling
import Testing

@testable import ControlPlaneLogic

/// Measured round trips decide where things run.
@Suite struct RoundTripTests {
  private var plane = ControlPlaneDriver()
  private static let zone = Zone(unchecked: "hall")
  private let near = DeploymentConfiguration(
    placement: PlacementRules(fallbacks: 0, origin: NodeLocation(zone: zone)))
  private let name = QualifiedName(.default, ModuleName(unchecked: "m"))

  private mutating func measure(_ node: String, _ microseconds: Int64) {
    _ = plane.tell(
      .roundTripsMeasured(
        from: ControlPlaneDriver.node(node),
        [RoundTripSample(to: .landmark(Self.zone), microseconds: microseconds)]))
  }

  private func explain() -> PlacementExplanation {
    plane.logic.explain(name, near, at: plane.now)
  }

  @Test mutating func `the node that measures less is chosen, which is explained`() {
    for node in ["a", "b"] { _ = plane.attach(node) }
    #expect(explain().decision.selectedNodes.map(\.text) == ["a"])
    #expect(explain().verdicts.allSatisfy { $0.latencySource == nil })
    measure("a", 30_000)
    measure("b", 1234)
    let explanation = explain()
    #expect(explanation.decision.selectedNodes.map(\.text) == ["b"])
    #expect(explanation.verdicts[0].latencySource == .measured)
    #expect(explanation.verdicts[0].reason.contains("measured 1.2 ms"))
    measure("nobody", 1)
    #expect(explain() == explanation)
  }

  @Test mutating func `what was measured is forgotten with its node, and when it is old`() {
    for node in ["a", "b"] { _ = plane.attach(node) }
    measure("b", 1234)
    #expect(explain().decision.selectedNodes.map(\.text) == ["b"])
    _ = plane.die("b", .processEnded)
    _ = plane.command(.forget, "b")
    _ = plane.attach("b", incarnation: 2)
    #expect(explain().verdicts.allSatisfy { $0.latencySource == nil })
    measure("a", 5000)
    #expect(explain().verdicts.first { $0.node.text == "a" }?.latencySource == .measured)
    _ = plane.wait(.seconds(311), beating: ["a"])
    #expect(explain().verdicts.allSatisfy { $0.latencySource == nil })
  }

  private func place(_ zone: String?, _ latitude: Double? = nil) throws -> CallerPlace? {
    CallerPlace(
      zone: zone.map { Zone(unchecked: $0) },
      coordinates: try latitude.map { try Coordinates(latitude: $0, longitude: 0) })
  }

  @Test mutating func `an invocation runs near to a caller who says where that is`() throws {
    plane.serve(on: ["a", "b"], PlacementRules(replicas: 2, fallbacks: 0))
    measure("a", 40_000)
    measure("b", 2_000)
    let near = InvocationOptions(place: try place("hall"))
    #expect(plane.invoke() == ["invoke on a"], "nothing is known but their names")
    _ = plane.end(.answered(isFaultOfNode: false))
    #expect(plane.invoke(near) == ["invoke on b"])
    // Not for ever: each that runs there makes it dearer, as for everybody else.
    for _ in 0..<18 { #expect(plane.invoke(near) == ["invoke on b"]) }
    #expect(plane.invoke(near) == ["invoke on a"])
    #expect(plane.invoke(InvocationOptions(place: try place("nowhere"))) == ["invoke on a"])
  }
}
