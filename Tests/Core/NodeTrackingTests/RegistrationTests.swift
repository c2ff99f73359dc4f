import ClusterModel
import Testing

@testable import NodeTracking

@Suite struct RegistrationTests {
  private static let node = TrackerScript.node

  @Test func `a node that registers is healthy and in the inventory at once`() throws {
    var script = TrackerScript()
    #expect(script.register(zone: "plant") == ["n1: new -> healthy (registered)"])
    let inventory = script.tracker.inventory(at: script.now)
    #expect(inventory.count == 1)
    #expect(inventory[0].location.zone.text == "plant")
    #expect(inventory[0].healthStatus == .healthy)
    #expect(inventory[0].currentLoad == .idle)
    #expect(inventory[0].lastHeartbeat == script.now.wall)
  }

  @Test func `the inventory has the load and the time of the last heartbeat`() throws {
    var script = TrackerScript()
    script.register()
    script.advance(.milliseconds(100))
    script.beat(cpu: 40, memory: 60)
    let heard = script.now.wall
    script.advance(.milliseconds(50))
    // The clock on the wall is set; how long ago it was does not change.
    script.now.wall = script.now.wall + .seconds(3600)
    let node = try #require(script.tracker.inventory(at: script.now).first)
    #expect(node.currentLoad.cpuPercent == 40)
    #expect(node.currentLoad.memoryPercent == 60)
    #expect(node.lastHeartbeat == heard + .seconds(3600))
  }

  @Test func `the inventory is sorted, and has those that are gone`() {
    var script = TrackerScript()
    for name in ["c", "a", "b"] { script.register(NodeID(unchecked: name)) }
    script.tell(.deathWitnessed(NodeID(unchecked: "b"), Incarnation(1), .processEnded))
    let inventory = script.tracker.inventory(at: script.now)
    #expect(inventory.map(\.id.text) == ["a", "b", "c"])
    #expect(inventory.map(\.healthStatus) == [.healthy, .unhealthy, .healthy])
    #expect(script.tracker.allNodes.map(\.id.text) == ["a", "b", "c"])
  }

  @Test func `a node that comes back is adopted before it is healthy`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    script.advance(.seconds(2))
    #expect(script.beat() == ["n1: unavailable -> recovered (heardAgain)", "adopt n1"])
    #expect(script.live(for: 10) == [])
    #expect(script.tell(.adopted(Self.node)) == ["n1: recovered -> healthy (adopted)"])
    #expect(script.tell(.adopted(Self.node)) == [])
  }

  @Test func `an adoption that ends after the node was lost again counts for nothing`() {
    var script = TrackerScript()
    script.register()
    script.advance(.seconds(2))
    script.beat()
    script.advance(.seconds(2))
    #expect(script.state() == .unavailable)
    #expect(script.tell(.adopted(Self.node)) == [])
    #expect(script.beat() == ["n1: unavailable -> recovered (heardAgain)", "adopt n1"])
  }

  @Test func `an adoption that ends while the node is silent counts`() {
    var script = TrackerScript()
    script.register()
    script.advance(.seconds(2))
    script.beat()
    script.advance(.milliseconds(500))
    #expect(script.state() == .suspect)
    #expect(script.tell(.adopted(Self.node)) == [])
    #expect(script.beat() == ["n1: suspect -> healthy (heardAgain)"])
  }

  @Test func `another start of the agent is compared, not moved`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    #expect(
      script.register(incarnation: 2) == ["n1: healthy -> recovered (restarted)", "adopt n1"])
    #expect(script.tell(.deathWitnessed(Self.node, Incarnation(1), .processEnded)) == [])
    #expect(script.tell(.adopted(Self.node)) == ["n1: recovered -> healthy (adopted)"])
    #expect(script.live(for: 10) == [])
  }

  @Test func `nothing of the last start holds for the next`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    script.beat(progress: 1000, cpu: 99)
    #expect(script.state() == .degraded)
    script.register(incarnation: 2)
    let vitals = script.tracker.nodes[Self.node]?.vitals
    #expect(vitals?.sequence == 0)
    #expect(vitals?.progress == 0)
    #expect(vitals?.load == .idle)
    #expect(vitals?.isOverloaded == false)
    #expect(script.tracker.nodes[Self.node]?.rhythm == Rhythm())
    #expect(script.tell(.adopted(Self.node)) == ["n1: recovered -> healthy (adopted)"])
  }

  @Test func `an older start is refused`() {
    var script = TrackerScript()
    script.register(incarnation: 5, zone: "new")
    #expect(
      script.register(incarnation: 4, zone: "old") == ["refuse n1#4 (node_incarnation_older)"])
    #expect(script.tracker.nodes[Self.node]?.registration.location.zone.text == "new")
  }

  @Test func `whoever is refused as older is told what to do, also if there is no other agent`() {
    let refusal = RegistrationProblem.olderIncarnation(current: Incarnation(5)).problem
    #expect(refusal.cause == "incarnation 5")
    for words in ["end this one", "DELETE /v1/nodes/", "identity", "token create --join"] {
      #expect(refusal.next?.contains(words) == true, "\(words)")
    }
  }

  @Test(arguments: [DeathEvidence.processEnded, .leftOrderly])
  func `nothing that a process that ended has left on its way brings it back`(
    _ evidence: DeathEvidence
  ) {
    var script = TrackerScript()
    script.register(incarnation: 5)
    script.tell(.deathWitnessed(Self.node, Incarnation(5), evidence))
    #expect(script.beat() == [])
    #expect(script.register(incarnation: 5) == ["refuse n1#5 (node_incarnation_ended)"])
    #expect(script.tracker.nodes[Self.node]?.loss?.isCertain == true)
    #expect(
      script.register(incarnation: 6) == ["n1: unavailable -> recovered (restarted)", "adopt n1"])
  }

  @Test func `a process whose connection closed may live on`() {
    var script = TrackerScript()
    script.register()
    script.tell(.deathWitnessed(Self.node, Incarnation(1), .connectionClosed))
    #expect(script.tracker.nodes[Self.node]?.loss?.isCertain == false)
    #expect(script.beat() == ["n1: unavailable -> recovered (heardAgain)", "adopt n1"])
  }

  @Test func `a death that is known for certain later ends the wait for leases`() {
    var script = TrackerScript()
    script.register()
    script.advance(.seconds(2))
    #expect(
      script.tell(.deathWitnessed(Self.node, Incarnation(1), .processEnded))
        == ["move from n1 (processEnded)"])
    #expect(script.tell(.deathWitnessed(Self.node, Incarnation(1), .leftOrderly)) == [])
  }

  @Test func `a death of a start that never registered is the death of what is known`() {
    var script = TrackerScript()
    script.register(incarnation: 5)
    script.tell(.deathWitnessed(Self.node, Incarnation(6), .processEnded))
    #expect(script.state() == .unavailable)
    #expect(script.register(incarnation: 6) == ["refuse n1#6 (node_incarnation_ended)"])
    #expect(script.register(incarnation: 7).last == "adopt n1")
  }

  @Test func `there are no more nodes than the limit`() {
    var script = TrackerScript { $0.maximumNodes = 2 }
    for node in nodes(2) { script.register(node) }
    let third = nodes(3)[2]
    #expect(script.register(third) == ["refuse n3#1 (nodes_too_many)"])
    #expect(script.tell(.expected(registration(third))) == ["refuse n3#1 (nodes_too_many)"])
    #expect(script.register(nodes(1)[0], zone: "elsewhere") == ["schedule of n1"])
    script.tell(.forgetRequested(nodes(1)[0]))
    #expect(script.register(third) == ["n3: new -> healthy (registered)"])
  }

  @Test func `a node that was forgotten is new when it comes again`() {
    var script = TrackerScript()
    script.register()
    script.tell(.cordonRequested(Self.node))
    script.tell(.forgetRequested(Self.node))
    #expect(script.tracker.nodes.isEmpty)
    #expect(script.register() == ["n1: new -> healthy (registered)"])
    #expect(script.tracker.nodes[Self.node]?.scheduling == .open)
  }

  @Test func `a node that was lost as stuck and attached since is given up when it is forgotten`() {
    var script = TransitionTableTests.script(.stuckAdopted)
    #expect(script.tell(.forgetRequested(Self.node)) == ["move from n1 (forgotten)"])
  }

  // Operators.

  @Test func `cordon, drain and uncordon say so once`() {
    var script = TrackerScript()
    script.register()
    #expect(script.tell(.cordonRequested(Self.node)) == ["schedule of n1"])
    #expect(script.tell(.cordonRequested(Self.node)) == [])
    #expect(script.tell(.drainRequested(Self.node)) == ["schedule of n1", "drain n1"])
    #expect(script.tell(.drainRequested(Self.node)) == [])
    #expect(script.tell(.drainCompleted(Self.node)) == ["schedule of n1"])
    #expect(script.tell(.drainCompleted(Self.node)) == [])
    #expect(script.tracker.nodes[Self.node]?.isDrained == true)
    #expect(script.tell(.uncordonRequested(Self.node)) == ["schedule of n1"])
    #expect(script.tracker.nodes[Self.node]?.isDrained == false)
    #expect(script.tell(.drainCompleted(Self.node)) == [])
    #expect(script.state() == .healthy)
  }

  @Test(arguments: [NodeScheduling.cordoned, .draining])
  func `what operators want survives death, return and another start`(
    _ scheduling: NodeScheduling
  ) {
    var script = TrackerScript()
    script.register()
    script.tell(
      scheduling == .cordoned ? .cordonRequested(Self.node) : .drainRequested(Self.node))
    func holds() -> Bool { script.tracker.nodes[Self.node]?.scheduling == scheduling }
    script.advance(.seconds(2))
    #expect(script.state() == .unavailable && holds())
    script.beat()
    #expect(script.state() == .recovered && holds())
    script.tell(.adopted(Self.node))
    script.register(incarnation: 2, zone: "elsewhere")
    #expect(holds())
  }
}
