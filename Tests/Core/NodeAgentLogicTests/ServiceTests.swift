import ClusterModel
import Supervision
import Testing

@testable import NodeAgentLogic

@Suite struct ServiceTests {
  private static func tree(
    _ names: [String], _ strategy: SupervisionStrategy = .oneForOne,
    intensity: RestartIntensity = RestartIntensity(), restart: RestartType = .permanent
  ) -> ServiceTree {
    ServiceTree(
      strategy: strategy, intensity: intensity, backOff: .none,
      children: names.map {
        .service(
          ModuleName(unchecked: $0), restart: restart, shutdown: .within(.seconds(5)))
      })
  }

  /// An agent on which all services of a tree run, after the plan 1.
  private func running(_ tree: ServiceTree, isolation: IsolationPolicy = .continue) -> AgentDriver {
    var agent = AgentDriver()
    agent.isolation = isolation
    agent.tree = tree
    agent.attach()
    let names = tree.services.map(\.text)
    _ = agent.plan(1, names.map { ($0, 1, .active, 1) })
    for name in names { _ = agent.prepared(name, 1) }
    if isolation == .stop { _ = agent.acknowledge(agent.beat(), plan: 1) }
    for name in names { _ = agent.began(name) }
    #expect(agent.runs.keys.sorted() == names.sorted())
    return agent
  }

  @Test func `services begin one after the other and only when all of the tree are ready`() {
    var agent = AgentDriver()
    agent.tree = Self.tree(["b", "a"])
    agent.attach()
    _ = agent.plan(1, [("a", 1, .active, 1), ("b", 1, .active, 1)])
    #expect(!agent.prepared("b", 1).contains("start b 1"))
    #expect(agent.prepared("a", 1).contains("start b 1"))
    #expect(agent.runs.keys.sorted() == ["b"])
    #expect(agent.began("b") == ["start a 1"])
  }

  @Test func `fallbacks run nothing`() {
    var agent = AgentDriver()
    agent.tree = Self.tree(["a"])
    agent.attach()
    _ = agent.plan(1, [("a", 1, .fallback, 1)])
    _ = agent.prepared("a", 1)
    #expect(agent.runs.isEmpty)
    #expect(agent.plan(2, [("a", 1, .active, 2)]).contains("start a 1"))
  }

  @Test func `the group of a service that failed is stopped in reverse and started in order`() {
    var agent = running(Self.tree(["a", "b", "c"], .restForOne))
    #expect(agent.ended("b", .failure("trap")) == ["stop c"])
    #expect(agent.ended("c", .normal) == ["start b 2"])
    #expect(agent.began("b") == ["start c 2"])
    _ = agent.began("c")
    #expect(agent.ended("a", .failure("trap")) == ["stop c"])
    #expect(agent.ended("c", .normal) == ["stop b"])
    #expect(agent.ended("b", .normal) == ["start a 2"])
  }

  @Test func `a transient service that ended with status 0 stays so`() {
    var agent = running(Self.tree(["a"], restart: .transient))
    #expect(agent.ended("a", .normal).isEmpty)
    #expect(agent.logic.serviceState(of: agent.placement("a", 1))?.status.state == .ended)
  }

  @Test func `a tree that gives up has failed and is said so and newer orders begin it anew`() {
    var agent = running(
      Self.tree(["a", "b"], intensity: RestartIntensity(restarts: 1, window: .seconds(60))))
    #expect(agent.ended("a", .failure("trap")) == ["start a 2"])
    _ = agent.began("a")
    #expect(agent.ended("a", .failure("trap")) == ["gave up a", "stop b"])
    let texts = agent.ended("b", .normal)
    #expect(texts.contains("report 1.1 [a#1 failed; b#1 failed]"), "\(texts)")
    #expect(
      agent.plan(2, [("a", 1, .active, 1), ("b", 1, .active, 1)]).allSatisfy {
        !$0.hasPrefix("start")
      })
    _ = agent.plan(3, [("a", 1, .active, 3), ("b", 1, .active, 3)])
    _ = agent.prepared("a", 1)
    #expect(agent.prepared("b", 1).contains("start a 1"))
  }

  @Test func `a plan is obeyed when the services that it ends have ended`() {
    var agent = running(Self.tree(["a"]))
    #expect(agent.plan(2, []).contains("report 1.1 []"))
    #expect(agent.ended("a", .normal).contains("report 1.2 []"))
  }

  @Test func `the next deployment begins when the former has ended`() {
    var agent = running(Self.tree(["a"]))
    agent.deployedAt = 2
    _ = agent.plan(2, [("a", 2, .active, 2)])
    #expect(agent.prepared("a", 2).allSatisfy { !$0.hasPrefix("start") })
    #expect(agent.ended("a", .normal).contains("start a 1"))
  }

  @Test func `what must stop when isolated is killed when its lease is over`() {
    var agent = running(Self.tree(["a"]), isolation: .stop)
    #expect(agent.wait(LeaseRules.duration * 2).contains("kill a"))
  }

  @Test func `what must stop when isolated has its lease to end when it is taken away`() {
    var agent = running(Self.tree(["a"]), isolation: .stop)
    #expect(agent.plan(2, []).contains("stop a"))
    #expect(agent.wait(LeaseRules.duration).contains("kill a"))
  }

  @Test func `an agent ends when its services have and kills those that take too long`() {
    var agent = running(Self.tree(["a", "b"]))
    #expect(agent.tell(.stopRequested).suffix(1) == ["stop b"])
    #expect(agent.ended("b", .normal) == ["stop a"])
    #expect(agent.wait(NodeAgentLogic.farewell).contains("kill a"))
    #expect(agent.ended("a", .failure("killed")).suffix(2) == ["left", "end"])
  }
}
