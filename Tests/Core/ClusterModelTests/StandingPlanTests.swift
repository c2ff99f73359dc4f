import ClusterModel
import Testing

/// When a node may obey what it was told in its last life.
@Suite struct StandingPlanTests {
  private let node = NodeID(unchecked: "press-7")
  private let made = WallInstant(microseconds: 1_000_000_000_000)
  private let life = Duration.seconds(3600)

  private func plan(_ counter: UInt64 = 5) -> StandingPlan {
    StandingPlan(
      NodePlan(
        node: node, incarnation: Incarnation(3), version: PlanVersion(term: 2, counter: counter),
        orders: []),
      trustedKeys: [], issuedAt: made, life: life)
  }

  private func refusal(
    _ plan: StandingPlan, on node: NodeID? = nil, seen: UInt64 = 5, after wait: Duration = .zero
  ) -> String? {
    do throws(Problem) {
      try StandingPlanRules.check(
        plan, on: node ?? self.node, seen: PlanVersion(term: 2, counter: seen), at: made + wait)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `the newest plan of the node counts until it expires`() {
    #expect(refusal(plan()) == nil)
    #expect(refusal(plan(), seen: 4) == nil)
    #expect(refusal(plan(), after: life - .microseconds(1)) == nil)
    #expect(refusal(plan(), after: life) == "standing_plan_expired")
  }

  @Test func `that of another node, one that was replaced, and one that is not understood do not`()
  {
    #expect(refusal(plan(), on: NodeID(unchecked: "press-8")) == "standing_plan_of_other_node")
    #expect(refusal(plan(), seen: 6) == "standing_plan_replaced")
    var newer = plan()
    newer.format = 2
    #expect(refusal(newer) == "standing_plan_unknown_format")
  }

  @Test func `a clock that is behind is told, unless it is behind by little`() {
    #expect(refusal(plan(), after: .zero - StandingPlanRules.clockTolerance) == nil)
    #expect(
      refusal(plan(), after: .zero - StandingPlanRules.clockTolerance - .seconds(1))
        == "clock_behind")
  }

  @Test func `it is a plan for whichever start of the agent obeys it`() {
    #expect(plan().plan(for: Incarnation(9)).incarnation == Incarnation(9))
    #expect(plan().plan(for: Incarnation(9)).version == PlanVersion(term: 2, counter: 5))
  }
}
