import ClusterModel
import PropertyTesting
import Supervision
import Testing

@testable import NodeAgentLogic

@Suite struct ByHandTests {
  private func attached(_ tree: ServiceTree? = nil) -> AgentDriver {
    var agent = AgentDriver()
    agent.tree = tree
    agent.attach()
    return agent
  }

  private static func tree(
    _ names: String..., restart: RestartType = .permanent
  ) -> ServiceTree {
    ServiceTree(
      intensity: RestartIntensity(restarts: 1, window: .seconds(60)), backOff: .none,
      children: names.map {
        .service(
          ModuleName(unchecked: $0), restart: restart, shutdown: .within(.seconds(5)))
      })
  }

  @Test func `what is asked for by hand is prepared once and answered alike each time`() {
    var agent = attached()
    #expect(agent.hold(1, "a", 1) == ["prepare a#1"])
    #expect(agent.hold(2, "a", 1).isEmpty)
    _ = agent.wait(.milliseconds(3))
    let texts = agent.prepared("a", 1)
    #expect(texts == ["answer 1: a#1 took 3000000", "answer 2: a#1 took 3000000"])
    _ = agent.wait(.seconds(1))
    #expect(agent.hold(3, "a", 1) == ["answer 3: a#1 took 3000000"])
    #expect(agent.logic.readyByHand == [agent.placement("a", 1)])
  }

  @Test func `it is in no report and no invocation may begin there`() {
    var agent = attached()
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    #expect(agent.logic.report.placements.isEmpty)
    #expect(agent.serving.isEmpty)
  }

  @Test func `what fails is answered and may be asked for again`() {
    var agent = attached()
    _ = agent.hold(1, "a", 1)
    #expect(agent.failed("a", 1) == ["answer 1: fetch_failed"])
    #expect(agent.hold(2, "a", 1) == ["prepare a#1"])
  }

  @Test func `another version is refused until the first is let go`() {
    var agent = attached()
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    #expect(agent.hold(2, "a", 2) == ["answer 2: held_otherwise"])
    #expect(agent.release(3, "a") == ["discard a#1", "answer 3: a#1 took 0"])
    #expect(agent.release(4, "a") == ["answer 4: not_held"])
    #expect(agent.hold(5, "a", 2) == ["prepare a#2"])
  }

  @Test func `what the plan has serve is answered as planned and is not let go by hand`() {
    var agent = attached()
    _ = agent.plan(1, [("a", 1, .active, 1)])
    #expect(agent.hold(1, "a", 1) == ["answer 1: planned_here"])
    _ = agent.prepared("a", 1)
    #expect(agent.hold(2, "a", 1) == ["answer 2: a#1 took 0 planned"])
    #expect(agent.hold(3, "a", 2) == ["answer 3: planned_otherwise"])
    #expect(agent.release(4, "a") == ["answer 4: planned_here"])
  }

  @Test func `a plan and a hand that want the same share one preparation`() {
    var agent = attached()
    _ = agent.plan(1, [("a", 1, .fallback, 1)])
    #expect(agent.hold(1, "a", 1).isEmpty)
    #expect(agent.prepared("a", 1).contains("answer 1: a#1 took 0"))
    // Neither takes from the other what it holds.
    #expect(!agent.plan(2, []).contains("discard a#1"))
    #expect(agent.plan(3, [("a", 1, .fallback, 3)]).contains("report 1.3 [a#1 ready]"))
    #expect(agent.release(2, "a") == ["answer 2: a#1 took 0"])
    #expect(agent.plan(4, []).contains("discard a#1"))
  }

  @Test func `what failed for the plan is made ready for a hand and goes with it`() {
    var agent = attached()
    _ = agent.plan(1, [("a", 1, .fallback, 1)])
    _ = agent.failed("a", 1)
    let asked = agent.hold(1, "a", 1)
    #expect(asked == ["prepare a#1"])
    let answered = agent.prepared("a", 1, attempt: agent.logic.newestPreparation)
    #expect(answered == ["answer 1: a#1 took 0"])
    let released = agent.release(2, "a")
    #expect(released == ["discard a#1", "answer 2: a#1 took 0"])
  }

  @Test func `what the plan has serve here is the plan's from then on`() {
    var agent = attached()
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    let texts = agent.plan(1, [("a", 1, .active, 1)])
    #expect(texts.contains("let go a: planned"))
    #expect(texts.contains("serve a#1 1.1"))
    #expect(!texts.contains("discard a#1"))
    #expect(!agent.logic.isHeldByHand(agent.placement("a", 1).name))
  }

  @Test func `what is held by hand makes room for the plan and the newest goes first`() {
    // 256 MiB, of which each takes 128.
    var agent = attached()
    for (number, name) in ["a", "b"].enumerated() {
      _ = agent.hold(UInt64(number), name, 1)
      _ = agent.prepared(name, 1)
    }
    #expect(agent.hold(9, "c", 1) == ["answer 9: node_full"])
    let texts = agent.plan(1, [("x", 1, .active, 1)])
    #expect(texts.filter { $0.hasPrefix("let go") } == ["let go b: crowdedOut"])
    #expect(agent.logic.reservations.plan == .mebibytes(128))
    #expect(agent.logic.reservations.byHand == .mebibytes(128))
  }

  @Test func `a service is started by itself and supervised and stopped before it is answered`() {
    var agent = attached(Self.tree("a", "b"))
    _ = agent.hold(1, "b", 1)
    #expect(agent.prepared("b", 1).contains("start b 1"))
    _ = agent.began("b")
    #expect(agent.ended("b", .failure("trap")) == ["start b 2"])
    _ = agent.began("b")
    #expect(agent.release(2, "b") == ["discard b#1", "stop b"])
    #expect(agent.ended("b", .normal).contains("answer 2: b#1 took 0"))
    #expect(agent.runs.isEmpty)
  }

  @Test func `a service that is given up is held no more`() {
    var agent = attached(Self.tree("a"))
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    for _ in 0..<2 {
      _ = agent.began("a")
      _ = agent.ended("a", .failure("trap"))
    }
    #expect(agent.release(2, "a") == ["answer 2: not_held"])
  }

  @Test
  func `a temporary service that has ended is held until it is let go, and not started again`() {
    var agent = attached(Self.tree("a", restart: .temporary))
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    _ = agent.began("a")
    #expect(agent.ended("a", .failure("trap")).isEmpty)
    #expect(agent.wait(.seconds(60)).allSatisfy { !$0.hasPrefix("start") })
    #expect(agent.logic.readyByHand == [agent.placement("a", 1)])
    #expect(agent.logic.serviceState(of: agent.placement("a", 1)) == nil)
    #expect(agent.release(2, "a").contains("answer 2: a#1 took 0"))
    // Held anew it begins anew.
    _ = agent.hold(3, "a", 1)
    #expect(agent.prepared("a", 1) == ["answer 3: a#1 took 0", "start a 1"])
  }

  @Test func `the plan's service begins when the one by hand has ended`() {
    var agent = attached(Self.tree("a"))
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    _ = agent.began("a")
    let texts = agent.plan(1, [("a", 1, .active, 1)])
    #expect(texts.contains("stop a"))
    #expect(!texts.contains { $0.hasPrefix("start") })
    #expect(agent.ended("a", .normal).contains("start a 1"))
  }

  @Test func `what is signed with a revoked key is let go`() {
    var agent = attached()
    agent.signers = [KeyID(unchecked: "k")]
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    #expect(agent.wait(NodeAgentLogic.keysInterval).contains("read keys"))
    #expect(agent.tell(.keysRead([agent.key("k", revoked: false)])).isEmpty)
    #expect(
      agent.tell(.keysRead([agent.key("k", revoked: true)])) == [
        "discard a#1", "let go a: keyRevoked",
      ])
    #expect(!agent.wait(NodeAgentLogic.keysInterval * 2).contains("read keys"))
  }

  @Test func `an agent that ends lets go of everything`() {
    var agent = attached(Self.tree("a"))
    _ = agent.hold(1, "a", 1)
    _ = agent.prepared("a", 1)
    _ = agent.began("a")
    _ = agent.hold(2, "b", 1)
    let texts = agent.tell(.stopRequested)
    #expect(texts.contains("answer 2: agent_stopping"))
    #expect(texts.contains("stop a"))
    #expect(agent.hold(3, "c", 1) == ["answer 3: agent_stopping"])
    #expect(agent.ended("a", .normal).suffix(2) == ["left", "end"])
  }

  /// One thing that plans, hands and guests do, with a number that says how.
  private static let steps = zip(
    Generator<Int>.int(in: 0...7), Generator<Int>.int(in: 1...2), Generator<Int>.int(in: 0...3)
  ).array(count: 0...40)

  @Test func `no service runs twice on a node and every request by hand is answered once`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 27: plans and hands never run a service twice", cases: 300,
      Self.steps
    ) { steps in
      var agent = attached(Self.tree("a"))
      var asked: [UInt64] = []
      var answered: [UInt64] = []
      var running = 0
      var isAlone = true
      func take(_ texts: [String]) {
        for text in texts {
          if text.hasPrefix("start a") {
            running += 1
            isAlone = isAlone && running == 1
          }
          guard text.hasPrefix("answer ") else { continue }
          answered.append(UInt64(text.dropFirst(7).prefix { $0 != ":" }) ?? 0)
        }
      }
      func end(_ exit: ChildExit) {
        guard agent.runs["a"] != nil else { return }
        running -= 1
        take(agent.ended("a", exit))
      }
      for (index, (kind, generation, how)) in steps.enumerated() {
        let number = UInt64(index + 1)
        switch kind {
        case 0:
          let roles: [PlacementRole?] = [nil, .active, .fallback, .retained]
          take(agent.plan(number, roles[how].map { [("a", generation, $0, number)] } ?? []))
        case 1, 2:
          asked.append(number)
          take(kind == 1 ? agent.hold(number, "a", generation) : agent.release(number, "a"))
        case 3: take(agent.prepared("a", generation))
        case 4: take(agent.failed("a", generation))
        case 5: take(agent.began("a"))
        case 6: end(how > 0 ? .normal : .failure("trap"))
        case _: take(agent.wait(.seconds(1)))
        }
      }
      take(agent.tell(.stopRequested))
      end(.normal)
      return isAlone && answered.sorted() == asked
    }
  }
}
