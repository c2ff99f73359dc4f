import ClusterModel
import NodeAgentLogic
import Supervision
import Testing

@testable import ClusterSimulator

/// What is looked at of hands and of entrances of nodes, and that each look finds something.
@Suite struct HandTests {
  private let order = Sample.order("valve")

  private func tell(_ agent: inout SimulatedAgent, _ input: NodeAgentLogic.Input) {
    var random = SystemRandomNumberGenerator()
    _ = agent.logic.handle(input, at: agent.clock.instants(at: 0), using: &random)
    agent.takeHands(input)
  }

  /// An agent that is attached, and says that it holds `order` by hand. Nothing is really there.
  private func holder() -> SimulatedAgent {
    var agent = Sample.agent
    tell(&agent, .started)
    tell(&agent, .linkOpened(heartbeatInterval: nil))
    tell(&agent, .controlPlaneSpoke(.welcome(agent.logic.incarnation, term: 1)))
    tell(&agent, .holdRequested(RequestID(1), order))
    let attempt = agent.logic.newestPreparation
    tell(
      &agent,
      .placementPrepared(PreparationID(placement: order.placement, attempt: attempt)))
    return agent
  }

  @Test func `that something by hand is not ready is found`() {
    var agent = holder()
    #expect(agent.wrongsByHand == ["node-0 holds valve by hand, which is not ready there"])
    agent.prepared[order.placement] = order
    #expect(agent.wrongsByHand == [])
  }

  @Test func `what is left behind is found`() {
    var agent = holder()
    agent.prepared[order.placement] = order
    tell(&agent, .releaseRequested(RequestID(2), order.placement.name))
    #expect(agent.wrongsByHand == ["node-0 keeps valve, which nobody wants there"])
    agent.prepared[order.placement] = nil
    #expect(agent.wrongsByHand == [])
  }

  @Test func `what the plan has serve is found in a hand`() {
    var agent = holder()
    agent.prepared[order.placement] = order
    let planned = Sample.order("valve", role: .active, fence: Sample.version(1))
    tell(
      &agent,
      .controlPlaneSpoke(
        .plan(
          NodePlan(
            node: agent.node, incarnation: agent.logic.incarnation, version: Sample.version(1),
            orders: [planned]))))
    #expect(agent.wrongsByHand == [], "it was let go")
    agent.hands[order.placement.name] = order
    #expect(agent.wrongsByHand == ["node-0 holds valve by hand, which its plan has serve"])
  }

  @Test func `that hands have more than there is room for is found`() {
    let world = Sample.world()
    world.agents[0].orders[order.placement] = order
    world.agents[0].hands[order.placement.name] = order
    world.checker.agentChanged(0, world)
    #expect(world.checker.failures == [])
    for number in 0..<100 {
      let more = Sample.order("more-\(number)")
      world.agents[0].hands[more.placement.name] = more
    }
    world.checker.agentChanged(0, world)
    let isFound = world.checker.failures.contains { $0.contains("holds more than it has room for") }
    #expect(isFound)
  }

  @Test func `what hands hold is in no report`() {
    let world = Sample.world()
    let report = AgentMessage.reported(world.agents[0].logic.report)
    world.agents[0].prepared[order.placement] = order
    world.agents[0].hands[order.placement.name] = order
    world.checker.reported(report, 0, world)
    #expect(world.checker.failures == [])
    world.agents[0].hands = [:]
    world.checker.reported(report, 0, world)
    #expect(world.checker.failures.count == 1)
  }

  @Test func `answers that are not so are found`() {
    var agent = Sample.agent
    var hands = Hands()
    let held = Result<HeldByHand, Problem>.success(HeldByHand(order.deployment, took: .zero))
    let first = hands.asks(.hold(order), on: 0)
    let untrue = hands.answered(first, held, agent)
    #expect(untrue == ["node-0 says that valve is there, which is not so"])
    let again = hands.answered(first, held, agent)
    #expect(again == ["node-0 answers what nobody waits for"])
    agent.prepared[order.placement] = order
    let second = hands.asks(.hold(order), on: 0)
    let isTrue = hands.answered(second, held, agent)
    #expect(isTrue == [])
    let planned = Result<HeldByHand, Problem>.success(
      HeldByHand(order.deployment, took: .zero, isPlanned: true))
    let third = hands.asks(.hold(order), on: 0)
    let servesNot = hands.answered(third, planned, agent)
    #expect(servesNot == untrue)
    #expect(hands.waitingCount == 0)
  }

  @Test func `a service that runs although it was let go is found`() {
    var agent = Sample.agent
    var hands = Hands()
    let name = order.placement.name
    let run = ServiceRunID(placement: order.placement, number: 1, start: 1)
    let released = Result<HeldByHand, Problem>.success(HeldByHand(order.deployment, took: .zero))
    agent.services[run] = SimulatedService(deployment: order.deployment, isByHand: true)
    let first = hands.asks(.release(name), on: 0)
    let runs = hands.answered(first, released, agent)
    #expect(runs == ["node-0 has let go valve, and its service runs"])
    // That of the plan is another.
    agent.services[run] = SimulatedService(deployment: order.deployment, isByHand: false)
    let second = hands.asks(.release(name), on: 0)
    let isPlanned = hands.answered(second, released, agent)
    #expect(isPlanned == [])
  }

  /// A world in which a hand has a service on the first node: ready, and about to begin.
  private func world(
    withServiceThatIs restart: RestartType
  ) throws -> (World, process: Int, run: ServiceRunID) {
    let world = Sample.world()
    let process = world.agents[0].process
    let order = Sample.order("valve", serviceThatIs: restart)
    world.handAsks(0, process, .hold(order))
    let preparation = try #require(world.agents[0].preparing[order.placement])
    world.endPreparation(0, process, preparation, nil)
    return (world, process, try #require(world.agents[0].services.keys.first))
  }

  @Test func `a service by hand that is not as its supervisor says is found`() throws {
    let (world, process, run) = try world(withServiceThatIs: .permanent)
    #expect(world.handUnrest() == ["valve by hand is starting on node-0"])
    world.beginService(0, process, run)
    #expect(world.handUnrest() == [])
    world.agents[0].services[run] = nil
    #expect(world.handUnrest() == ["valve by hand is running on node-0"])
    #expect(world.checker.failures == [])
  }

  @Test func `a temporary service by hand is nothing once it has ended, and not before`() throws {
    let (world, process, run) = try world(withServiceThatIs: .temporary)
    world.beginService(0, process, run)
    world.endService(0, process, run, .failure("guest_trapped"))
    #expect(world.agents[0].services.isEmpty, "it is not started again")
    #expect(world.handUnrest() == [])
    world.agents[0].endedByHand = []
    #expect(world.handUnrest() == ["valve by hand is nothing on node-0"])
    #expect(world.checker.failures == [])
  }

  @Test func `nobody waits for an agent that is gone`() {
    var hands = Hands()
    _ = hands.asks(.hold(order), on: 0)
    _ = hands.asks(.hold(order), on: 1)
    hands.agentEnded(0)
    #expect(hands.waitingCount == 1)
  }

  private func commit(_ commits: inout NodeCommits) -> NodeCommits.Commit {
    NodeCommits.Commit(
      number: commits.begins(), index: 0, process: 1, module: order.placement.name, claim: .byHand,
      deadline: 0)
  }

  private func counter(_ commit: NodeCommits.Commit) -> StateKey? {
    commit.effects.writes.first?.key
  }

  @Test func `what took place more or less often than was said is found`() throws {
    var commits = NodeCommits()
    let done = commit(&commits)
    let refused = commit(&commits)
    let unheard = commit(&commits)
    for (number, commit) in [done, refused, unheard].enumerated() {
      commits.offers(RequestID(UInt64(number)), commit)
    }
    let (isDone, isNotDone) = (commits.isDone(RequestID(0)), commits.isNotDone(RequestID(1)))
    #expect(isDone && isNotDone)
    commits.logicEnded()
    let isUnknown = commits.isDone(RequestID(2))
    #expect(!isUnknown, "nobody hears of it")
    let keys = [done, refused, unheard].compactMap(counter)
    try #require(keys.count == 3)
    #expect(commits.broken([keys[0]: 1]) == [])
    #expect(commits.broken([keys[0]: 1, keys[2]: 1]) == [])
    #expect(
      commits.broken([keys[1]: 1, keys[2]: 2]) == [
        "what run 1 of a node does was done 0 times", "what run 2 of a node does was done 1 times",
        "what run 3 of a node does was done 2 times",
      ])
  }

  @Test func `what is done and is not of its run is found`() {
    var commits = NodeCommits()
    let first = commit(&commits)
    commits.offers(RequestID(7), first)
    let wall = WallInstant(microseconds: 0)
    let same = CommittedEffects(at: wall, writes: first.effects.writes)
    #expect(commits.commits(RequestID(7), same) == [])
    let other = CommittedEffects(at: wall)
    #expect(
      commits.commits(RequestID(7), other) == ["what is done for run 1 of a node is not of it"])
    #expect(commits.commits(RequestID(8), other) == [], "it is none of a node")
  }
}
