import ClusterModel
import NodeTracking
import Scheduling
import Testing

@testable import ControlPlaneLogic

/// What operators want of nodes, and what is kept of nodes.
@Suite struct NodeCommandTests {
  private var plane = ControlPlaneDriver()
  private let node = ControlPlaneDriver.node("a")

  /// What the store was to keep of nodes, in this order.
  private var kept: [String] {
    plane.changes.compactMap { change in
      switch change {
      case .putNode(let known):
        "\(known.registration.node)@\(known.registration.incarnation.number) \(known.scheduling)"
      case .removeNode(let node): "\(node) gone"
      case .appendSecurityEvent(let event): "\(event.subject): \(event.detail)"
      case .raiseTerm(let term): "term \(term)"
      case .addVersion, .putDeployment, .removeDeployment, .putKey: nil
      }
    }
  }

  @Test mutating func `a node that nobody knows cannot be commanded`() {
    for command in NodeCommand.allCases {
      #expect(plane.command(command, "a") == ["refused node_unknown"])
    }
  }

  @Test mutating func `a command holds once it is durable`() {
    _ = plane.attach("a")
    plane.store = .keepsLater
    #expect(plane.command(.cordon, "a") == [])
    #expect(plane.logic.scheduling(of: node) == .open)
    #expect(plane.command(.drain, "a") == ["refused node_changing"])
    #expect(plane.keep() == ["node a cordoned"])
    #expect(plane.logic.scheduling(of: node) == .cordoned)
    #expect(kept == ["term 1", "a@1 open", "a@1 cordoned", "a: cordon"])
    #expect(plane.command(.uncordon, "a") == [])
    #expect(plane.keep() == ["node a open"])
    #expect(plane.logic.scheduling(of: node) == .open)
  }

  @Test mutating func `a command that cannot be made durable is refused, and may be given again`() {
    _ = plane.attach("a")
    plane.store = .fails
    #expect(plane.command(.cordon, "a") == ["refused disk_full"])
    #expect(plane.logic.scheduling(of: node) == .open)
    #expect(plane.logic.retryAt == nil, "whoever asked may ask again")
    plane.store = .keepsAtOnce
    #expect(plane.command(.cordon, "a") == ["node a cordoned"])
  }

  @Test mutating func `what became of a node during a command that was not durable is kept`() {
    _ = plane.attach("a")
    plane.store = .keepsLater
    #expect(plane.command(.evict, "a") == [])
    _ = plane.die("a", .processEnded)
    _ = plane.attach("a", incarnation: 2)
    #expect(plane.keepNothing() == ["refused disk_full"])
    plane.store = .keepsAtOnce
    _ = plane.wait(ControlPlaneLogic.retryInterval, beating: ["a"])
    #expect(kept.last == "a@2 open")
  }

  @Test mutating func `only a node that is gone is forgotten`() {
    _ = plane.attach("a")
    #expect(plane.command(.forget, "a") == ["refused node_alive"])
    _ = plane.die("a", .processEnded)
    #expect(plane.command(.forget, "a") == ["node a forgotten"])
    #expect(kept.suffix(2) == ["a gone", "a: forget"])
    #expect(plane.logic.scheduling(of: node) == nil)
    #expect(plane.logic.tracker.nodes[node] == nil)
    #expect(plane.command(.cordon, "a") == ["refused node_unknown"])
    #expect(plane.beat("a") == ["a: unknown"])
  }

  @Test mutating func `a node that is alive is evicted, and its work goes to others`() {
    plane.serve(on: ["a", "b"], PlacementRules(fallbacks: 1))
    _ = plane.invoke()
    #expect(plane.command(.evict, "a").contains("node a forgotten"))
    #expect(kept.suffix(2) == ["a gone", "a: evict"])
    #expect(plane.hungUp == [node])
    #expect(plane.abandoned == [node], "nobody waits for what runs there")
    #expect(plane.logic.tracker.nodes[node] == nil)
    _ = plane.obey("b")
    #expect(plane.invoke() == ["invoke on b"])
    #expect(plane.beat("a") == ["a: unknown"])
  }

  @Test mutating func `whoever is forgotten is hung up on, also one that is silent`() {
    _ = plane.attach("a")
    _ = plane.command(.forget, "a")
    #expect(plane.hungUp.isEmpty, "it was refused")
    _ = plane.die("a", .connectionClosed)
    _ = plane.command(.forget, "a")
    #expect(plane.hungUp == [node])
  }

  @Test mutating func `a cordoned node keeps what it has and gets nothing new`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    #expect(plane.command(.cordon, "a") == ["node a cordoned"])
    #expect(plane.invoke() == ["invoke on a"])
    _ = plane.push("2")
    #expect(plane.deploy("2", PlacementRules(fallbacks: 0)) == ["refused no_node"])
    #expect(plane.command(.uncordon, "a") == ["node a open"])
    #expect(
      plane.deploy("2", PlacementRules(fallbacks: 0)) == ["a: m#1 active, m#3 fallback"])
  }

  @Test mutating func `what found no node is placed on one that is given work again`() {
    _ = plane.attach("b")
    _ = plane.command(.cordon, "b")
    plane.serve(on: ["a"], PlacementRules())
    #expect(plane.command(.uncordon, "b") == ["node b open", "b: m#1 fallback"])
  }

  @Test mutating func `whoever watches nodes hears what operators want of them`() {
    _ = plane.attach("a")
    #expect(plane.logic.tracker.nodes[node]?.scheduling == .open)
    for (command, scheduling) in [
      (NodeCommand.cordon, NodeScheduling.cordoned), (.drain, .draining), (.uncordon, .open),
    ] {
      _ = plane.command(command, "a")
      #expect(plane.logic.tracker.nodes[node]?.scheduling == scheduling)
    }
  }

  @Test(arguments: [NodeCommand.cordon, .uncordon])
  mutating func `a node is drained no more when something else is wanted of it`(
    command: NodeCommand
  ) {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    #expect(plane.command(.drain, "a") == ["node a draining"], "nothing else could serve")
    _ = plane.command(command, "a")
    #expect(plane.attach("b") == ["b: "], "nothing has to be moved any more")
    #expect(plane.invoke() == ["invoke on a"])
  }

  @Test
  mutating func `a node that comes while it is drained gets nothing, and gives away what it has`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.command(.drain, "a")
    #expect(plane.logic.tracker.nodes[node]?.isDrained == false)
    #expect(!plane.logic.isDrained(node))
    #expect(plane.attach("b") == ["b: ", "b: m#1 active"])
    #expect(plane.obey("b") == ["a: "])
    #expect(plane.invoke() == ["invoke on b"])
    #expect(plane.logic.tracker.nodes[node]?.isDrained == true)
    #expect(plane.logic.isDrained(node))
    _ = plane.die("b", .processEnded)
    #expect(plane.attach("a", incarnation: 2) == ["a: "])
  }

  @Test mutating func `a drained node that brings back what nobody else runs is not drained`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    let held = plane.held("a")
    _ = plane.attach("b")
    _ = plane.command(.drain, "a")
    _ = plane.obey("b")
    #expect(plane.logic.isDrained(node))
    _ = plane.die("b", .processEnded)
    #expect(plane.attach("a", incarnation: 2, holding: held).contains("a: m#1 active"))
    #expect(!plane.logic.isDrained(node))
    _ = plane.attach("b", incarnation: 2)
    _ = plane.obey("b", incarnation: 2)
    #expect(plane.logic.isDrained(node))
    _ = plane.command(.uncordon, "a")
    #expect(!plane.logic.isDrained(node))
  }

  @Test mutating func `a node is kept when it comes first, and when it has changed`() {
    _ = plane.attach("a")
    _ = plane.attach("a")
    #expect(kept == ["term 1", "a@1 open"])
    _ = plane.command(.cordon, "a")
    _ = plane.attach("a", incarnation: 2)
    #expect(kept.last == "a@2 cordoned")
  }

  @Test mutating func `what changes while a node is being kept is kept next`() {
    plane.store = .keepsLater
    _ = plane.attach("a")
    _ = plane.attach("a", incarnation: 2)
    _ = plane.attach("a", incarnation: 3)
    #expect(kept == ["term 1", "a@1 open"])
    _ = plane.keep()
    #expect(kept == ["term 1", "a@1 open", "a@3 open"])
    _ = plane.keep()
    #expect(kept.count == 3, "nothing is left")
    #expect(plane.command(.cordon, "a") == [], "it is not being changed any more")
    _ = plane.attach("a", incarnation: 4)
    _ = plane.keep()
    #expect(kept.last == "a@4 cordoned", "what was wanted holds, and what changed is kept with it")
  }

  @Test mutating func `what of a node could not be kept is kept a second later`() {
    plane.store = .fails
    _ = plane.attach("a")
    plane.store = .keepsAtOnce
    #expect(kept == ["term 1", "a@1 open"])
    _ = plane.wait(.milliseconds(990), beating: ["a"])
    #expect(kept.count == 2)
    _ = plane.wait(.milliseconds(10), beating: ["a"])
    #expect(kept == ["term 1", "a@1 open", "a@1 open"])
    _ = plane.wait(.seconds(2), beating: ["a"])
    #expect(kept.count == 3)
  }

  @Test mutating func `what of a node could not be kept is not kept after it was forgotten`() {
    plane.store = .fails
    _ = plane.attach("a")
    plane.store = .keepsAtOnce
    _ = plane.die("a", .processEnded)
    _ = plane.command(.forget, "a")
    _ = plane.wait(.seconds(2), beating: [])
    #expect(kept.suffix(2) == ["a gone", "a: forget"])
  }

  @Test mutating func `a node that leaves in an orderly manner is gone at once`() {
    _ = plane.attach("a")
    _ = plane.tell(.agentSpoke(.left(node, Incarnation(1))))
    #expect(plane.logic.tracker.nodes[node]?.state == .unavailable)
  }

  @Test
  mutating func `a node that comes back while it is being forgotten is forgotten all the same`() {
    plane.serve(on: ["a", "b"], PlacementRules(replicas: 2, fallbacks: 0))
    _ = plane.die("a", .connectionClosed)
    plane.store = .keepsLater
    #expect(plane.command(.forget, "a") == [])
    #expect(plane.attach("a") == ["a: ", "a: m#1 active"])
    _ = plane.obey("a")
    _ = plane.news()
    #expect(plane.keep() == ["node a forgotten"])
    #expect(
      plane.news() == ["node_failure node/a", "module_stop module/m", "scale_event module/m"])
    #expect(plane.beat("a") == ["a: unknown"])
    #expect(plane.logic.availability(of: node) == .unavailable)
  }

  @Test mutating func `that most nodes fall silent at once is announced, and when it is over`() {
    for name in ["a", "b", "c", "d"] { _ = plane.attach(name) }
    _ = plane.wait(.milliseconds(100), beating: ["a", "b", "c", "d"])
    _ = plane.news()
    _ = plane.wait(.seconds(1), beating: ["a"])
    #expect(plane.announced.compactMap { $0.payload["raised"] } == [.bool(true)])
    #expect(plane.announced.filter { $0.type == .alarm }.map(\.target) == ["cluster"])
    _ = plane.news()
    _ = plane.wait(.milliseconds(100), beating: ["a", "b", "c", "d"])
    #expect(plane.announced.compactMap { $0.payload["raised"] } == [.bool(false)])
  }
}
