import ClusterModel
import Testing

@testable import ControlPlaneLogic

/// When standing plans are sealed.
@Suite struct StandingPlansTests {
  private var plans = StandingPlans(life: .seconds(300))
  private let first = NodeID(unchecked: "a")
  private let second = NodeID(unchecked: "b")

  private func at(_ milliseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
  }

  private mutating func due(_ milliseconds: Int64, attached: Set<NodeID>? = nil) -> [NodeID] {
    plans.takeDue(at: at(milliseconds)) { attached?.contains($0) ?? true }
  }

  @Test mutating func `plans that follow each other are sealed once, and not at once`() {
    plans.planned(second, at: at(0))
    plans.planned(first, at: at(100))
    plans.planned(second, at: at(200))
    #expect(plans.nextDeadline == at(250))
    #expect(due(349) == [])
    #expect(due(350) == [first])
    #expect(due(449) == [])
    #expect(due(450) == [second])
    #expect(due(99_000) == [])
  }

  @Test mutating func `a node whose plans go on and on has one of them sealed now and then`() {
    var sealed: [Int64] = []
    for time in stride(from: 0, through: 4500, by: 100) {
      plans.planned(first, at: at(Int64(time)))
      if due(Int64(time)) == [first] { sealed.append(Int64(time)) }
    }
    #expect(sealed == [2000, 4100])
  }

  @Test mutating func `they are sealed again long before they expire`() {
    plans.planned(first, at: at(0))
    #expect(due(250) == [first])
    #expect(plans.nextDeadline == at(100_250))
    #expect(due(100_250) == [first])
    #expect(due(200_250) == [first])
    plans.planned(first, at: at(200_300))
    #expect(due(200_550) == [first])
    #expect(plans.nextDeadline == at(300_550))
  }

  @Test mutating func `what changes beside plans changes those of all nodes`() {
    plans.planned(first, at: at(0))
    plans.planned(second, at: at(0))
    #expect(due(250) == [first, second])
    plans.contentChanged(at: at(1000))
    #expect(due(1249) == [])
    #expect(due(1250) == [first, second])
  }

  @Test func `a node is told what it may do alone a moment after its plan, and again`() {
    var plane = ControlPlaneDriver()
    let node = ControlPlaneDriver.node("a")
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    #expect(plane.sealed[node] == nil)
    _ = plane.wait(.milliseconds(250), beating: ["a"])
    #expect(plane.sealed[node] != nil)
    #expect(plane.sealed[node] == plane.plans[node])
  }

  @Test mutating func `a node that is not attached is waited for until it has a plan again`() {
    plans.planned(first, at: at(0))
    #expect(due(250, attached: [second]) == [])
    #expect(plans.nextDeadline == nil)
    plans.planned(first, at: at(5000))
    #expect(due(5250) == [first])
  }
}
