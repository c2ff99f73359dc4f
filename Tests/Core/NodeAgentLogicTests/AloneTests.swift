import ClusterModel
import Testing

@testable import NodeAgentLogic

/// An agent that boots without a control plane.
@Suite struct AloneTests {
  private var agent = AgentDriver()

  /// Its link fails again and again, until the disk is asked.
  private mutating func bootAlone() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkClosed)
    for _ in 0..<1000 where agent.recalls == 0 {
      if agent.wait(.milliseconds(10)).contains("open link") { _ = agent.tell(.linkClosed) }
    }
    #expect(agent.recalls == 1)
  }

  /// The way to a control plane is open; what the agent says over it.
  private mutating func openLink() -> [String] {
    for _ in 0..<1000 where agent.wait(.milliseconds(10)).contains("open link") {
      return agent.tell(.linkOpened(heartbeatInterval: nil))
    }
    return ["it opens no link"]
  }

  @Test mutating func `it obeys its standing plan, and says until when`() {
    bootAlone()
    let told = agent.recall(5, [("m", 1, .active, 3), ("f", 1, .fallback, 4)])
    #expect(told == ["alone 1.5", "prepare m#1", "prepare f#1"])
    #expect(agent.prepared("m", 1) == ["serve m#1 1.3"])
    #expect(agent.prepared("f", 1) == [])
  }

  @Test mutating func `it asks no disk when a control plane is there in time`() {
    agent.attach()
    _ = agent.wait(.seconds(5))
    #expect(agent.recalls == 0)
  }

  @Test mutating func `a control plane that lets go before it said anything is none`() {
    agent.attach()
    _ = agent.tell(.linkClosed)
    for _ in 0..<1000 where agent.recalls == 0 {
      if agent.wait(.milliseconds(10)).contains("open link") { _ = agent.tell(.linkClosed) }
    }
    #expect(agent.recall(5, [("m", 1, .active, 3)]).first == "alone 1.5")
  }

  @Test mutating func `what the disk says too late is not obeyed`() {
    bootAlone()
    _ = openLink()
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    #expect(agent.recall(5, [("m", 1, .active, 3)]) == [])
  }

  @Test mutating func `what must stop when isolated is prepared and does not serve`() {
    agent.isolation = .stop
    bootAlone()
    _ = agent.recall(5, [("m", 1, .active, 3)])
    #expect(agent.prepared("m", 1) == [])
    #expect(agent.serving == [])
  }

  @Test mutating func `it is adopted without a restart`() {
    bootAlone()
    _ = agent.recall(5, [("m", 1, .active, 3)])
    _ = agent.prepared("m", 1)
    #expect(openLink() == ["attached obeys 1.5 [m#1 ready]"])
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    #expect(agent.plan(9, [("m", 1, .active, 3)]) == ["report 1.9 [m#1 ready]"])
    _ = agent.wait(.seconds(3600))
    #expect(agent.serving == ["m#1"], "it does not end with the standing plan")
  }

  @Test mutating func `when the plan expires it stops what it ran, and takes a newer one`() {
    bootAlone()
    _ = agent.recall(5, [("m", 1, .active, 3)], life: .seconds(60))
    _ = agent.prepared("m", 1)
    var told: [String] = []
    for _ in 0..<700 {
      let heard = agent.wait(.milliseconds(100))
      if heard.contains("open link") { _ = agent.tell(.linkClosed) }
      told += heard.filter { $0 != "open link" }
    }
    #expect(told == ["standing ended expired", "pause m#1", "discard m#1"])
    _ = agent.wait(.seconds(60))
    #expect(agent.recalls == 1, "it does not look again")
    _ = openLink()
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    #expect(agent.plan(9, [("m", 1, .active, 9)]).first == "prepare m#1")
  }

  @Test mutating func `what a hand holds, too, stays when its standing plan ends`() {
    bootAlone()
    _ = agent.hold(1, "m", 1)
    _ = agent.prepared("m", 1)
    _ = agent.recall(5, [("m", 1, .fallback, 3)])
    let told = agent.tell(.linkRefused)
    #expect(told == ["standing ended refused"])
    #expect(agent.logic.readyByHand == [agent.placement("m", 1)])
  }

  @Test mutating func `a control plane that is there and refuses it ends it`() {
    bootAlone()
    _ = agent.recall(5, [("m", 1, .active, 3)])
    _ = agent.prepared("m", 1)
    #expect(
      agent.tell(.linkRefused)
        == ["standing ended refused", "pause m#1", "discard m#1"])
    #expect(agent.serving == [])
  }

  @Test mutating func `a node that is refused from the start looks for nothing`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkRefused)
    for _ in 0..<100 {
      if agent.wait(.milliseconds(100)).contains("open link") { _ = agent.tell(.linkRefused) }
    }
    #expect(agent.recalls == 0)
  }

  @Test mutating func `a standing plan that is replaced, expired or foreign is refused`() {
    bootAlone()
    #expect(
      agent.recall(5, [("m", 1, .active, 3)], seen: 6) == ["refused standing_plan_replaced"])
    #expect(
      agent.recall(5, [("m", 1, .active, 3)], life: .zero) == ["refused standing_plan_expired"])
    #expect(agent.logic.report.placements.isEmpty)
    _ = agent.wait(.milliseconds(500))
    #expect(agent.recalls == 1)
  }

  @Test mutating func `a clock that is behind is looked at again`() {
    bootAlone()
    let told = agent.recall(5, [("m", 1, .active, 3)], madeIn: .seconds(3600))
    #expect(told == ["refused clock_behind"])
    for _ in 0..<2000 where agent.recalls == 1 {
      if agent.wait(.milliseconds(10)).contains("open link") { _ = agent.tell(.linkClosed) }
    }
    #expect(agent.recalls == 2)
  }

  @Test mutating func `what was obeyed is remembered, and the standing plan of just that is kept`()
  {
    agent.attach()
    _ = agent.plan(5, [("m", 1, .active, 3)])
    #expect(agent.remembered == [agent.version(5)])
    agent.stand(4)
    #expect(agent.kept == [], "a newer one is obeyed")
    agent.stand(5)
    #expect(agent.kept == [agent.version(5)])
  }
}
