import ClusterModel
import ControlPlaneLogic
import NodeAgentLogic
import Testing

@testable import ClusterSimulator

/// What is looked at of nodes that are let in no more, and that each look finds something.
@Suite struct EvictionTests {
  @Test func `one that shows a certificate comes back with a new token alone`() {
    let world = Sample.world()
    let node = world.agents[0].node
    world.agents[0].showsCertificate = true
    world.act(.command(node, .evict))
    Sample.pass(.seconds(3), in: world)
    #expect(world.evictions.isGone(node))
    #expect(world.plane?.scheduling(of: node) == nil)
    #expect(!world.hasLink(0))
    world.joinAgain(0)
    Sample.pass(.seconds(2), in: world)
    #expect(!world.evictions.isGone(node))
    #expect(world.plane?.scheduling(of: node) == .open)
    #expect(world.agents[0].logic.isAttached)
    #expect(world.checker.failures == [])
  }

  @Test func `one in the control plane's own process comes back at once`() {
    let world = Sample.world()
    let node = world.agents[0].node
    world.agents[0].showsCertificate = false
    let connection = world.agents[0].connection
    world.act(.command(node, .evict))
    Sample.pass(.seconds(2), in: world)
    #expect(!world.evictions.isGone(node))
    #expect(world.plane?.scheduling(of: node) == .open)
    #expect(world.agents[0].connection > connection, "it was hung up on")
    #expect(world.checker.failures == [])
  }

  @Test func `that one is a node all the same is found`() throws {
    let world = Sample.world()
    world.evictions.goes(world.agents[0].node, at: world.timeline.now)
    Sample.pass(.seconds(1), in: world)
    let failure = try #require(world.checker.failures.first)
    #expect(failure.hasSuffix("node-0 was let in no more, and is a node"))
  }

  @Test func `what it says over the connection that was closed does not make it one`() {
    let world = Sample.world()
    world.agents[0].showsCertificate = true
    world.act(.command(world.agents[0].node, .evict))
    Sample.pass(.milliseconds(500), in: world)
    let agent = world.agents[0]
    let registration = NodeRegistration(
      node: agent.node, incarnation: agent.logic.incarnation, location: agent.location,
      capabilities: agent.capabilities)
    world.planeHears(.attached(registration, agent.logic.report), agent.connection, 0)
    #expect(world.evictions.isGone(agent.node))
    #expect(world.checker.failures == [])
    // The control plane itself would take it in.
    world.tellPlane(world.logicLife, .agentSpoke(.attached(registration, agent.logic.report)))
    #expect(!world.evictions.isGone(agent.node))
  }

  @Test func `what is sent to one is found`() {
    let world = Sample.world()
    let agent = world.agents[0]
    let plan = ControlMessage.plan(
      NodePlan(
        node: agent.node, incarnation: agent.logic.incarnation, version: Sample.version(9),
        orders: []))
    world.checkSent(plan, to: agent.node)
    #expect(world.checker.failures == [])
    world.evictions.goes(agent.node, at: world.timeline.now)
    world.checkSent(plan, to: agent.node)
    world.checkSent(.welcome(agent.logic.incarnation, term: 1), to: agent.node)
    world.checkSent(.unknown(agent.logic.incarnation, term: 1), to: agent.node)
    let failures = world.checker.failures.map { $0.drop { $0 != ":" } }
    #expect(
      failures == [
        ": a plan is sent to node-0, which was let in no more",
        ": a welcome is sent to node-0, which was let in no more",
      ])
  }

  @Test func `one that serves beyond its lease is found`() {
    var evictions = Evictions()
    var agent = Sample.agent
    let order = Sample.order("valve", .stop)
    agent.orders[order.placement] = order
    agent.serving[order.placement] = Sample.version(7)
    let over = 1000 + Evictions.lease + 1
    #expect(evictions.serves(agent, at: over) == [])
    evictions.goes(agent.node, at: 1000)
    #expect(evictions.serves(agent, at: over - 1) == [])
    let wrong = "node-0 was let in no more, its lease is over, and it serves valve"
    #expect(evictions.serves(agent, at: over) == [wrong])
    // What may go on alone may.
    agent.orders[order.placement] = Sample.order("valve", .continue)
    #expect(evictions.serves(agent, at: over) == [])
    agent.orders[order.placement] = order
    agent.isFrozen = true
    #expect(evictions.serves(agent, at: over) == [])
    agent.isFrozen = false
    let hadGone = evictions.isLetIn(agent.node)
    #expect(hadGone)
    #expect(evictions.serves(agent, at: over) == [])
  }

  @Test func `a service that runs beyond the lease is found, but none that a hand started`() {
    var evictions = Evictions()
    var agent = Sample.agent
    evictions.goes(agent.node, at: 0)
    let order = Sample.order("valve", .stop)
    let run = ServiceRunID(placement: order.placement, number: 1, start: 1)
    agent.services[run] = SimulatedService(deployment: order.deployment, isByHand: true)
    #expect(evictions.serves(agent, at: Evictions.lease + 1) == [])
    agent.services[run] = SimulatedService(deployment: order.deployment, isByHand: false)
    #expect(evictions.serves(agent, at: Evictions.lease + 1).count == 1)
    agent.services[run]?.isKilled = true
    #expect(evictions.serves(agent, at: Evictions.lease + 1) == [])
  }

  @Test func `what is let through after the lease is found`() {
    var evictions = Evictions()
    let node = NodeID(unchecked: "node-0")
    #expect(evictions.acts(on: node, at: .max) == [])
    evictions.goes(node, at: 5)
    // It went when it was hung up on first.
    evictions.goes(node, at: 6)
    #expect(evictions.acts(on: node, at: 5 + Evictions.patience) == [])
    #expect(
      evictions.acts(on: node, at: 6 + Evictions.patience) == [
        "node-0 was let in no more, its lease is over, and it acts"
      ])
  }

  @Test(arguments: [(EffectClaim.none, true), (.none, false), (.byHand, true)])
  func `what has no lease to lose acts as soon as its node is let in, and not before`(
    claim: EffectClaim, isLetIn: Bool
  ) {
    let world = Sample.world()
    let agent = world.agents[0]
    world.agents[0].showsCertificate = true
    world.evictions.goes(agent.node, at: world.timeline.now - Evictions.patience - 1)
    if !isLetIn { world.store.apply([.removeNode(agent.node)]) }
    let commit = world.beginCommit(of: Sample.order("valve").placement.name, on: 0, claim)
    world.commitArrives(commit, agent.connection)
    #expect(world.commits.offeredCount == 1)
    let isFound = world.checker.failures.contains { $0.hasSuffix("its lease is over, and it acts") }
    #expect(isFound == !(isLetIn && claim == .none))
  }
}
