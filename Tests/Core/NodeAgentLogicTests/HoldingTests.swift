import ClusterModel
import Testing

@testable import NodeAgentLogic

/// What a node holds, and what may begin on it.
@Suite struct HoldingTests {
  private var agent = AgentDriver()

  @Test mutating func `an activation begins only under the fence that serves`() {
    agent.attach()
    let placement = agent.placement("a", 1)
    let (old, new, next) = (agent.version(1), agent.version(2), agent.version(3))
    #expect(!agent.logic.serves(placement, under: new))
    #expect(agent.logic.mayServeLater(placement, under: new), "its plan may be on its way")
    _ = agent.plan(2, [("a", 1, .active, 2)])
    #expect(agent.logic.mayServeLater(placement, under: new), "it is about to be ready")
    #expect(!agent.logic.mayServeLater(placement, under: old))
    #expect(agent.logic.mayServeLater(placement, under: next))
    _ = agent.prepared("a", 1)
    #expect(agent.logic.serves(placement, under: new))
    #expect(!agent.logic.mayServeLater(placement, under: new), "it does already")
    #expect(!agent.logic.serves(placement, under: old))
  }

  @Test mutating func `what is ready begins under a fence whose plan is on its way`() {
    agent.attach()
    _ = agent.plan(3, [("a", 1, .fallback, 1), ("b", 1, .retained, 1), ("c", 1, .fallback, 1)])
    _ = agent.prepared("a", 1)
    _ = agent.prepared("b", 1)
    let placement = agent.placement("a", 1)
    #expect(agent.logic.serves(placement, under: agent.version(4)))
    #expect(!agent.logic.serves(placement, under: agent.version(3)), "this plan is known")
    #expect(!agent.logic.serves(placement, under: agent.version(2)), "this one is over")
    #expect(
      !agent.logic.serves(placement, under: PlanVersion(term: 9, counter: 1)),
      "another control plane may mean something else by this name")
    #expect(!agent.logic.serves(agent.placement("b", 1), under: agent.version(4)), "retained")
    #expect(!agent.logic.serves(agent.placement("c", 1), under: agent.version(4)), "not ready")
    #expect(!agent.logic.serves(agent.placement("d", 1), under: agent.version(4)), "not here")
    _ = agent.plan(5, [("a", 1, .fallback, 1)])
    #expect(!agent.logic.serves(placement, under: agent.version(4)), "what came says otherwise")
  }

  @Test mutating func `what must stop when isolated does not begin before its plan`() {
    agent.attach()
    agent.isolation = .stop
    _ = agent.plan(1, [("a", 1, .fallback, 1)])
    _ = agent.prepared("a", 1)
    #expect(!agent.logic.serves(agent.placement("a", 1), under: agent.version(2)))
    #expect(agent.logic.mayServeLater(agent.placement("a", 1), under: agent.version(2)))
  }

  @Test mutating func `what waits for its lease may serve later, what failed or waits may not`() {
    agent.attach()
    agent.isolation = .stop
    _ = agent.plan(1, [("a", 1, .active, 1), ("b", 1, .fallback, 1)])
    _ = agent.prepared("a", 1)
    _ = agent.prepared("b", 1)
    #expect(agent.logic.mayServeLater(agent.placement("a", 1), under: agent.version(1)))
    #expect(!agent.logic.mayServeLater(agent.placement("b", 1), under: agent.version(1)))
    _ = agent.plan(2, [("a", 1, .active, 2)])
    _ = agent.plan(3, [("c", 1, .active, 3)])
    _ = agent.failed("c", 1)
    #expect(!agent.logic.mayServeLater(agent.placement("c", 1), under: agent.version(3)))
  }

  @Test mutating func `only the newest preparation that has not ended is waited for`() {
    agent.attach()
    let placement = agent.placement("a", 1)
    func isPreparing(_ attempt: UInt64) -> Bool {
      agent.logic.isPreparing(PreparationID(placement: placement, attempt: attempt))
    }
    #expect(!isPreparing(1))
    _ = agent.plan(1, [("a", 1, .active, 1)])
    #expect(isPreparing(1) && !isPreparing(2))
    _ = agent.failed("a", 1)
    #expect(!isPreparing(1))
    #expect(agent.plan(2, [("a", 1, .active, 2)]).contains("prepare a#1"))
    #expect(isPreparing(2) && !isPreparing(1))
    _ = agent.prepared("a", 1)
    #expect(!isPreparing(2))
  }

  @Test mutating func `what serves and has no room any more is given up`() {
    agent.attach()
    // The node has 256 MiB; each reserves 128.
    _ = agent.plan(1, [("a", 1, .retained, 1), ("b", 1, .active, 1), ("c", 1, .active, 1)])
    _ = agent.prepared("a", 1)
    _ = agent.prepared("b", 1)
    _ = agent.prepared("c", 1)
    #expect(
      agent.plan(2, [("a", 1, .active, 2), ("b", 1, .active, 2), ("c", 1, .active, 2)])
        == [
          "discard a#1", "serve b#1 1.2", "serve c#1 1.2",
          "report 1.2 [a#1 failed; b#1 ready; c#1 ready]",
        ])
    #expect(agent.logic.isFull(agent.placement("a", 1)))
    #expect(!agent.logic.isFull(agent.placement("b", 1)))
    #expect(!agent.logic.isFull(agent.placement("x", 1)))
  }

  @Test mutating func `a failure is no lack of room`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.failed("a", 1)
    #expect(!agent.logic.isFull(agent.placement("a", 1)))
  }

  @Test mutating func `what is retained reserves nothing`() {
    agent.attach()
    let texts = agent.plan(
      1, [("a", 1, .retained, 1), ("b", 1, .retained, 1), ("c", 1, .retained, 1)])
    #expect(texts.filter { $0.hasPrefix("prepare") }.count == 3)
  }

  @Test mutating func `what is ready stays so under a newer fence`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .fallback, 1)])
    _ = agent.prepared("a", 1)
    #expect(agent.plan(2, [("a", 1, .active, 2)]) == ["serve a#1 1.2", "report 1.2 [a#1 ready]"])
  }

  @Test mutating func `another deployment that did not serve is discarded without a pause`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    agent.deployedAt = 5
    #expect(
      agent.plan(2, [("a", 1, .active, 2)])
        == ["discard a#1", "prepare a#1", "report 1.2 [a#1 preparing]"])
  }
}
