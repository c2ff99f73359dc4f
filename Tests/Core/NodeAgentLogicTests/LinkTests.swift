import ClusterModel
import Testing

@testable import NodeAgentLogic

/// The link to the control plane, and the lease that hangs on it.
@Suite struct LinkTests {
  private var agent = AgentDriver()

  @Test mutating func `the wait for a link doubles with each failure, and begins anew`() {
    _ = agent.tell(.started)
    for milliseconds in [20, 40, 80, 160, 320, 640, 1280, 2000, 2000] {
      _ = agent.tell(.linkClosed)
      #expect(agent.logic.nextDeadline != nil)
      #expect(agent.wait(.milliseconds(milliseconds)) == ["open link"])
    }
    _ = agent.tell(.linkOpened(heartbeatInterval: nil))
    _ = agent.tell(.linkClosed)
    #expect(agent.wait(.milliseconds(20)) == ["open link"])
  }

  @Test mutating func `a link that is closed twice is closed once`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkClosed)
    let deadline = agent.logic.nextDeadline
    _ = agent.tell(.linkClosed)
    #expect(agent.logic.nextDeadline == deadline)
    #expect(agent.logic.linkFailures == 1)
  }

  @Test mutating func `a link that opens when none is wanted is nothing`() {
    #expect(agent.tell(.linkOpened(heartbeatInterval: nil)) == [], "before it has started")
    _ = agent.tell(.started)
    _ = agent.tell(.linkClosed)
    #expect(agent.tell(.linkOpened(heartbeatInterval: nil)) == [], "it was closed again")
    _ = agent.tell(.stopRequested)
    #expect(agent.tell(.linkOpened(heartbeatInterval: nil)) == [])
    #expect(agent.tell(.linkClosed) == [])
    #expect(agent.logic.nextDeadline == nil)
  }

  @Test mutating func `heartbeats come as often as the control plane of the link wants them`() {
    for (wanted, interval) in [(7, 7), (nil, 50), (30, 30)] as [(Int64?, Int64)] {
      _ = agent.tell(.started)
      _ = agent.tell(.linkOpened(heartbeatInterval: wanted.map { .milliseconds($0) }))
      _ = agent.hear(.welcome(agent.incarnation, term: 1))
      let began = agent.now.monotonic
      _ = agent.tell(.deadlineReached)
      #expect(agent.logic.nextDeadline == began + .milliseconds(interval))
      _ = agent.tell(.linkClosed)
    }
  }

  @Test mutating func `an attached agent beats as it is told later, until its link is another`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkOpened(heartbeatInterval: .milliseconds(5)))
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    for (told, interval) in [(20, 20), (nil, 20), (40, 40)] as [(Int64?, Int64)] {
      _ = agent.hear(
        .welcome(agent.incarnation, heartbeatInterval: told.map { .milliseconds($0) }, term: 1))
      // What was due is done; then it beats as it was told.
      _ = agent.wait(.milliseconds(100))
      if let next = agent.logic.nextDeadline { _ = agent.wait(next - agent.now.monotonic) }
      let next = agent.logic.nextDeadline.map { $0 - agent.now.monotonic }
      #expect(next == .milliseconds(interval))
      #expect(agent.logic.isAttached)
    }
  }

  @Test mutating func `a welcome counts only for one that attaches`() {
    _ = agent.tell(.started)
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    #expect(!agent.logic.isAttached)
    _ = agent.tell(.linkOpened(heartbeatInterval: nil))
    #expect(!agent.logic.isAttached && !agent.logic.isRefused)
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    #expect(agent.logic.isAttached)
    #expect(agent.beat() == 1, "its first sign of life is due at once")
  }

  @Test mutating func `one that is asked who it is attaches again`() {
    agent.attach()
    #expect(agent.hear(.unknown(agent.incarnation, term: 1)) == ["attached obeys 0.0 []"])
    #expect(!agent.logic.isAttached)
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    #expect(agent.logic.isAttached)
  }

  @Test
  mutating func `one that is asked who it is many times attaches once, and anew for another term`()
  {
    agent.attach()
    let asked = (0..<3).map { _ in agent.hear(.unknown(agent.incarnation, term: 1)) }
    #expect(asked == [["attached obeys 0.0 []"], [], []])
    #expect(agent.hear(.unknown(agent.incarnation, term: 2)) == ["attached obeys 0.0 []"])
    _ = agent.hear(.welcome(agent.incarnation, term: 2))
    #expect(agent.hear(.unknown(agent.incarnation, term: 2)) == ["attached obeys 0.0 []"])
  }

  @Test mutating func `it beats while it attaches, and never without a link`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkOpened(heartbeatInterval: nil))
    _ = agent.wait(.milliseconds(49))
    #expect(agent.logic.heartbeatSequence == 0)
    _ = agent.wait(.milliseconds(1))
    #expect(agent.logic.heartbeatSequence == 1)
    _ = agent.tell(.linkClosed)
    _ = agent.tell(.vitalsMeasured(Vitals(progress: 1, isBusy: false, load: .idle)))
    #expect(agent.logic.heartbeatSequence == 1)
    #expect(agent.logic.nextHeartbeat == nil && agent.logic.reportAt == nil)
  }

  @Test mutating func `it attaches again when nobody has answered for a while, not before`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkOpened(heartbeatInterval: nil))
    #expect(agent.wait(.milliseconds(499)) == [])
    #expect(agent.wait(.milliseconds(1)) == ["attached obeys 0.0 []"])
  }

  @Test mutating func `a heartbeat says how long ago the control plane was heard`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkOpened(heartbeatInterval: nil))
    func heardAgo() -> Duration? {
      _ = agent.tell(.vitalsMeasured(Vitals(progress: 0, isBusy: false, load: .idle)))
      return agent.heartbeat?.heardAgo
    }
    _ = agent.hear(.unknown(agent.incarnation, term: 1))
    _ = agent.hear(.welcome(agent.incarnation, term: 2))
    _ = agent.wait(.milliseconds(70))
    #expect(heardAgo() == .milliseconds(70))
    // Of an older term it is no word of this control plane.
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    #expect(heardAgo() == .milliseconds(70))
    // Whatever it says, it is heard.
    _ = agent.hear(
      .heartbeatAcknowledged(
        agent.incarnation, sequence: 1, plan: PlanVersion(term: 2, counter: 0), term: 2))
    #expect(heardAgo() == .zero)
    #expect(agent.logic.leaseEnd == nil, "of a plan that it was not given")
  }

  @Test mutating func `one that attaches again does not put its heartbeat off`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkOpened(heartbeatInterval: nil))
    _ = agent.wait(.milliseconds(30))
    _ = agent.hear(.unknown(agent.incarnation, term: 1))
    _ = agent.wait(.milliseconds(20))
    #expect(agent.logic.heartbeatSequence == 1)
  }

  @Test mutating func `heartbeats are remembered up to a bound`() {
    agent.attach()
    for _ in 0..<300 {
      _ = agent.beat()
      _ = agent.wait(NodeAgentLogic.rememberedSpacing)
    }
    #expect(agent.logic.sentHeartbeats.count == 256)
  }

  @Test
  mutating func `an acknowledgement may take nearly as long as a lease, however often it beats`() {
    _ = agent.tell(.started)
    _ = agent.tell(.linkOpened(heartbeatInterval: .milliseconds(1)))
    _ = agent.hear(.welcome(agent.incarnation, term: 1))
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.wait(.milliseconds(20))
    let (sent, at) = (agent.beat(), agent.now.monotonic)
    _ = agent.wait(LeaseRules.duration - .milliseconds(100))
    #expect(agent.logic.heartbeatSequence > sent + 1000)
    #expect(agent.logic.leaseEnd == nil)
    _ = agent.acknowledge(sent, plan: 1)
    let end = agent.logic.leaseEnd
    let latest = at + LeaseRules.duration
    #expect(end.map { $0 <= latest && latest - $0 <= NodeAgentLogic.rememberedSpacing } == true)
  }

  @Test mutating func `what has changed without a link is said when it attaches`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.tell(.linkClosed)
    #expect(agent.prepared("a", 1) == ["serve a#1 1.1"])
    #expect(agent.logic.reportAt == nil)
    _ = agent.wait(.seconds(2))
    #expect(agent.tell(.linkOpened(heartbeatInterval: nil)) == ["attached obeys 1.1 [a#1 ready]"])
  }

  @Test
  mutating func `a late acknowledgement does not shorten a lease, nor begin one that is over`() {
    agent.attach()
    agent.isolation = .stop
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.prepared("a", 1)
    let first = agent.beat()
    let second = agent.beat()
    #expect(agent.acknowledge(second, plan: 1) == ["serve a#1 1.1"])
    let end = agent.logic.leaseEnd
    #expect(agent.acknowledge(first, plan: 1) == [])
    #expect(agent.logic.leaseEnd == end)
    #expect(agent.acknowledge(999, plan: 1) == [], "one that was never sent")
    #expect(agent.wait(LeaseRules.duration).contains("pause a#1"))
    #expect(agent.acknowledge(second, plan: 1) == [], "it is over")
    #expect(agent.logic.leaseEnd == nil)
  }

  @Test mutating func `a lease that nothing hangs on ends in silence`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.prepared("a", 1)
    _ = agent.acknowledge(agent.beat(), plan: 1)
    #expect(agent.logic.leaseEnd != nil)
    #expect(!agent.wait(.seconds(3)).contains("lease ran out"))
    #expect(agent.logic.leaseEnd == nil)
  }

  @Test mutating func `a lease ends in silence when what hangs on it does not serve`() {
    agent.attach()
    agent.isolation = .stop
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.acknowledge(agent.beat(), plan: 1)
    #expect(!agent.wait(.seconds(3)).contains("lease ran out"))
  }

  @Test mutating func `it leaves without a word when nobody hears it`() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.tell(.linkClosed)
    #expect(agent.tell(.stopRequested) == ["discard a#1", "end"], "it did not serve yet")
    #expect(agent.hear(.unknown(agent.incarnation, term: 9)) == [])
    #expect(agent.logic.term == 1)
  }
}
