import ClusterModel
import NodeTracking
import Testing

@testable import ControlPlaneLogic

@Suite struct FleetFiguresTests {
  private var plane = ControlPlaneDriver()
  private let node = ControlPlaneDriver.node("a")

  private func losses(_ evidence: LossEvidence) -> Int {
    plane.logic.figures.tally.losses(evidence)
  }

  @Test mutating func `what served on a node that is lost is counted, and what stood by is not`() {
    plane.serve(on: ["a", "b", "c"], PlacementRules())
    #expect(plane.logic.figures.tally.nodes(.healthy) == 3)
    _ = plane.die("b", .processEnded)
    #expect(plane.logic.figures.movedPlacements == 0)
    _ = plane.die("a", .connectionClosed)
    #expect(plane.logic.figures.movedPlacements == 1)
    // That is more certain, and nothing is left there.
    _ = plane.die("a", .processEnded)
    #expect(plane.logic.figures.movedPlacements == 1)
    #expect(losses(.death(.processEnded)) == 1)
    #expect(losses(.death(.connectionClosed)) == 1)
    #expect(plane.logic.figures.tally.nodes(.unavailable) == 2)
  }

  @Test mutating func `what served on a node that is forgotten is counted, too`() {
    plane.serve(on: ["a", "b"], PlacementRules())
    _ = plane.command(.evict, "a")
    #expect(plane.logic.figures.movedPlacements == 1)
    #expect(losses(.forgotten) == 1)
  }

  @Test mutating func `a process that is back before its end was noticed has lost what served`() {
    plane.serve(on: ["a", "b"], PlacementRules())
    _ = plane.attach("a", incarnation: 2)
    #expect(plane.logic.figures.movedPlacements == 1)
    #expect(LossEvidence.allCases.allSatisfy { losses($0) == 0 })
  }

  @Test mutating func `breakers that are open are counted, and each is told of its node`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    #expect(plane.logic.breaker(of: node) == .closed)
    for _ in 0..<5 { _ = plane.invoke() }
    for index in 0..<5 { _ = plane.end(index, .answered(isFaultOfNode: true)) }
    #expect(plane.logic.breaker(of: node) == .open)
    #expect(plane.logic.figures.openBreakers == 1)
    _ = plane.wait(.seconds(1), beating: ["a"])
    #expect(plane.logic.breaker(of: node) == .halfOpen)
    #expect(plane.logic.figures.openBreakers == 0)
    for _ in 0..<2 {
      _ = plane.invoke()
      _ = plane.end(.answered(isFaultOfNode: false))
    }
    #expect(plane.logic.breaker(of: node) == .closed)
  }
}
