import ClusterModel
import Testing

@testable import NodeAgentLogic

@Suite struct NodeAgentLogicTests {
  private var agent = AgentDriver()

  @Test mutating func `it attaches, and again until it is let in`() {
    #expect(agent.tell(.started) == ["open link"])
    #expect(agent.tell(.linkOpened(heartbeatInterval: nil)) == ["attached obeys 0.0 []"])
    #expect(agent.wait(.milliseconds(500)).contains("attached obeys 0.0 []"))
    #expect(agent.hear(.welcome(agent.incarnation, term: 1)) == [])
    #expect(agent.logic.isAttached)
    #expect(!agent.wait(.seconds(2)).contains("attached obeys 0.0 []"))
  }

  @Test mutating func `a closed link is opened again, later each time`() {
    _ = agent.tell(.started)
    for _ in 0..<8 {
      #expect(agent.tell(.linkClosed) == [])
      #expect(agent.wait(.seconds(2)) == ["open link"])
    }
  }

  @Test mutating func `it holds what the newest plan says, and serves what is active`() {
    agent.attach()
    #expect(agent.plan(1, [("a", 1, .active, 1)]) == ["prepare a#1", "report 1.1 [a#1 preparing]"])
    #expect(agent.prepared("a", 1) == ["serve a#1 1.1", "report 1.1 [a#1 ready]"])
    #expect(
      agent.plan(2, [("a", 1, .fallback, 2), ("b", 1, .fallback, 2)])
        == ["prepare b#1", "pause a#1", "report 1.2 [a#1 ready; b#1 preparing]"])
    #expect(
      agent.plan(3, [("b", 1, .active, 3)]) == ["discard a#1", "report 1.3 [b#1 preparing]"])
    #expect(agent.prepared("b", 1) == ["serve b#1 1.3", "report 1.3 [b#1 ready]"])
  }

  @Test mutating func `a new fence is served in the place of the old one without a pause`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.prepared("a", 1)
    #expect(agent.logic.serves(agent.placement("a", 1), under: agent.version(1)))
    #expect(
      agent.plan(5, [("a", 1, .active, 5)]) == ["serve a#1 1.5", "report 1.5 [a#1 ready]"])
    #expect(!agent.logic.serves(agent.placement("a", 1), under: agent.version(1)))
  }

  @Test mutating func `what is older than what it has seen is refused`() {
    agent.attach()
    _ = agent.plan(7, [("a", 1, .active, 1)])
    #expect(agent.plan(6, []) == ["stale 1.6, seen 1.7"])
    #expect(agent.plan(7, []) == ["report 1.7 [a#1 preparing]"], "twice is once")
    #expect(agent.hear(.welcome(agent.incarnation, term: 2)) == [])
    #expect(agent.plan(9, []) == ["stale 1.0, seen 1.7"], "a term that was replaced")
    #expect(agent.hear(.welcome(Incarnation(99), term: 3)) == [], "not for this start of it")
    #expect(agent.logic.term == 2)
  }

  @Test mutating func `a failure stands until a newer fence`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    #expect(agent.failed("a", 1) == ["report 1.1 [a#1 failed]"])
    #expect(agent.plan(2, [("a", 1, .active, 1)]) == ["report 1.2 [a#1 failed]"])
    #expect(
      agent.plan(3, [("a", 1, .active, 3)]) == ["prepare a#1", "report 1.3 [a#1 preparing]"])
    #expect(agent.prepared("a", 1, attempt: 1) == [], "the end of an abandoned attempt")
    #expect(agent.prepared("a", 1, attempt: 2) == ["serve a#1 1.3", "report 1.3 [a#1 ready]"])
  }

  @Test mutating func `another deployment of the same number is another placement`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.prepared("a", 1)
    agent.deployedAt = 5
    #expect(
      agent.plan(2, [("a", 1, .active, 2)])
        == ["pause a#1", "discard a#1", "prepare a#1", "report 1.2 [a#1 preparing]"])
  }

  @Test mutating func `what does not fit is not held, and generations share what they reserve`() {
    agent.attach()
    // The node has 256 MiB; each reserves 128.
    #expect(
      agent.plan(1, [("a", 1, .active, 1), ("a", 2, .fallback, 1), ("b", 1, .active, 1)])
        == [
          "prepare a#1", "prepare b#1", "prepare a#2",
          "report 1.1 [a#1 preparing; a#2 preparing; b#1 preparing]",
        ])
    #expect(
      agent.plan(2, [("a", 1, .active, 1), ("b", 1, .active, 1), ("c", 1, .active, 2)])
        == ["discard a#2", "report 1.2 [a#1 preparing; b#1 preparing; c#1 failed]"])
    #expect(agent.logic.isFull(agent.placement("c", 1)))
    #expect(
      agent.plan(
        3, [("a", 1, .active, 1), ("b", 1, .retained, 3), ("c", 1, .active, 3)])
        == ["prepare c#1", "report 1.3 [a#1 preparing; b#1 preparing; c#1 preparing]"])
  }

  @Test mutating func `what is new while a report is on its way is said once, when it has arrived`()
  {
    agent.acknowledgesReports = false
    agent.attach()
    #expect(agent.plan(1, [("a", 1, .active, 1), ("b", 1, .active, 1)]).count == 3)
    #expect(agent.prepared("a", 1) == ["serve a#1 1.1"])
    #expect(agent.prepared("b", 1) == ["serve b#1 1.1"])
    let sequence = agent.logic.report.sequence
    #expect(
      agent.hear(.reportAcknowledged(agent.incarnation, sequence: sequence, term: 1))
        == ["report 1.1 [a#1 ready; b#1 ready]"])
    #expect(
      agent.hear(.reportAcknowledged(agent.incarnation, sequence: sequence, term: 1)).isEmpty)
  }

  @Test mutating func `a report is said again until it is acknowledged`() {
    agent.acknowledgesReports = false
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    #expect(agent.wait(.milliseconds(500)).contains("report 1.1 [a#1 preparing]"))
    let sequence = agent.logic.report.sequence
    _ = agent.hear(.reportAcknowledged(agent.incarnation, sequence: sequence - 1, term: 1))
    #expect(agent.wait(.milliseconds(500)).contains("report 1.1 [a#1 preparing]"))
    _ = agent.hear(.reportAcknowledged(agent.incarnation, sequence: sequence, term: 1))
    #expect(!agent.wait(.seconds(2)).contains("report 1.1 [a#1 preparing]"))
  }

  @Test mutating func `what must stop when isolated serves as long as its lease`() {
    agent.attach()
    agent.isolation = .stop
    _ = agent.plan(1, [("a", 1, .active, 1)])
    #expect(agent.prepared("a", 1) == ["report 1.1 [a#1 ready]"], "no lease yet")
    let first = agent.beat()
    #expect(agent.acknowledge(first, plan: 1) == ["serve a#1 1.1"])
    #expect(!agent.wait(.milliseconds(1900)).contains("pause a#1"))
    // Two seconds after the heartbeat was sent, whenever the acknowledgement came.
    #expect(agent.wait(.milliseconds(200)).contains("lease ran out"))
    #expect(agent.serving.isEmpty)
    let second = agent.beat()
    #expect(agent.acknowledge(second, plan: 2) == [], "the control plane wants something newer")
    #expect(agent.acknowledge(second, plan: 1) == ["serve a#1 1.1"])
  }

  @Test mutating func `what may serve when isolated serves on`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.prepared("a", 1)
    _ = agent.tell(.linkClosed)
    #expect(!agent.wait(.seconds(60)).contains("pause a#1"))
    #expect(agent.serving == ["a#1"])
  }

  @Test mutating func `it ends in an orderly manner`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.prepared("a", 1)
    #expect(agent.tell(.stopRequested) == ["pause a#1", "discard a#1", "left", "end"])
    #expect(agent.logic.nextDeadline == nil)
    #expect(agent.plan(2, [("a", 1, .active, 2)]) == [])
  }

  @Test mutating func `one that is refused does not come back by itself`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkOpened(heartbeatInterval: nil))
    let problem = Problem(.conflict, code: "older_start", "another is newer")
    #expect(agent.hear(.refused(agent.incarnation, problem, term: 1)) == ["refused older_start"])
    #expect(agent.wait(.seconds(60)) == [])
  }
}
