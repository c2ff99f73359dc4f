import ClusterModel
import Testing

@testable import NodeAgentLogic

/// What is ready under one number is ready under the next.
@Suite struct RenewalTests {
  private var agent = AgentDriver()

  /// Generation 1 serves.
  init() {
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    _ = agent.prepared("a", 1)
  }

  @Test mutating func `the same code serves at once under another number`() {
    #expect(
      agent.plan(2, [("a", 1, .retained, 2), ("a", 2, .active, 3)]) == [
        "renew a#2 from a#1", "pause a#1", "serve a#2 1.3",
        "report 1.2 [a#1 ready; a#2 ready]",
      ])
  }

  @Test mutating func `it is taken over before what it comes from is discarded`() {
    #expect(
      agent.plan(2, [("a", 2, .active, 2)]) == [
        "renew a#2 from a#1", "pause a#1", "discard a#1", "serve a#2 1.2",
        "report 1.2 [a#2 ready]",
      ])
  }

  @Test mutating func `another signature or other grants are looked at anew`() {
    agent.signers = [KeyID(unchecked: "k")]
    #expect(agent.plan(2, [("a", 2, .active, 2)]).contains("prepare a#2"))
    agent.signers = []
    agent.capabilities = CapabilityGrants(publish: [TopicFilter(unchecked: "t")])
    #expect(agent.plan(3, [("a", 3, .active, 3)]).contains("prepare a#3"))
  }

  @Test mutating func `what is not ready is no source, nor is another module`() {
    _ = agent.plan(2, [("b", 1, .active, 2)])
    #expect(agent.plan(3, [("b", 2, .active, 3)]).contains("prepare b#2"))
    _ = agent.failed("b", 2)
    #expect(agent.plan(4, [("b", 3, .active, 4)]).contains("prepare b#3"))
    _ = agent.prepared("b", 3)
    #expect(agent.plan(5, [("a", 2, .active, 5)]).contains("prepare a#2"))
  }

  @Test mutating func `a number that was given out twice is prepared anew`() {
    agent.deployedAt = 2
    let texts = agent.plan(2, [("a", 1, .active, 2), ("a", 2, .fallback, 2)])
    #expect(texts.contains("prepare a#1") && texts.contains("renew a#2 from a#1"))
    #expect(texts.firstIndex(of: "discard a#1") ?? 0 < texts.firstIndex(of: "prepare a#1") ?? 0)
    #expect(texts.last == "report 1.2 [a#1 preparing; a#2 ready]")
  }

  @Test mutating func `what there is no room for is not taken over`() {
    // The node has 256 MiB; each reserves 128.
    _ = agent.plan(2, [("a", 1, .retained, 2), ("b", 1, .active, 2), ("c", 1, .active, 2)])
    let texts = agent.plan(
      3,
      [("a", 1, .retained, 3), ("a", 2, .fallback, 3), ("b", 1, .active, 3), ("c", 1, .active, 3)])
    #expect(!texts.contains { $0.hasPrefix("renew") })
    #expect(agent.logic.isFull(agent.placement("a", 2)))
  }
}
