import ClusterModel
import PropertyTesting
import Testing

@testable import Supervision

// Feature: wasmatrix, Property 9: For any Wasm process crash or system failure, the Supervisor should
// restart processes immediately using configured strategies, implement circuit breaker patterns for
// cascading failures, and maintain fault tolerance metrics
@Suite struct SupervisorPropertyTests {
  private struct Plan: CustomStringConvertible {
    let children: [ChildRules]
    let strategy: SupervisionStrategy
    let intensity: RestartIntensity
    var description: String {
      let list = children.map { "\($0.id) \($0.restart.rawValue) \($0.shutdown)" }
      return "\(strategy.rawValue), \(intensity), \(list.joined(separator: "; "))"
    }
  }

  private static let shutdowns: [ShutdownPolicy] = [
    .infinity, .brutalKill, .within(.seconds(1)), .within(.milliseconds(10)),
  ]

  private static let plans: Generator<Plan> = {
    let kinds = zip(
      Generator<RestartType>.element(of: RestartType.allCases),
      Generator<ShutdownPolicy>.element(of: shutdowns))
    let children = kinds.array(count: 0...6).map { kinds in
      kinds.enumerated().map { index, kind in
        ChildRules(
          ChildID(unchecked: "c\(index)"), restart: kind.0, shutdown: kind.1)
      }
    }
    let intensities = zip(Generator<Int>.int(in: 0...6), Generator<Int>.int(in: 1...4000)).map {
      RestartIntensity(restarts: $0, window: .milliseconds($1))
    }
    let strategies = Generator<SupervisionStrategy>.element(of: SupervisionStrategy.allCases)
    return zip(children, strategies, intensities).map {
      Plan(children: $0, strategy: $1, intensity: $2)
    }
  }()

  private static let exits: [ChildExit] = [.failure("broken"), .normal, .shutdown]

  private struct Difference: Error {
    let model: [String]
    let supervisor: [String]
  }

  @Test func `a supervisor does what OTP does, whatever fails`() async throws {
    // Each step: which child ends, how, after which time.
    let steps = zip(
      Generator<Int>.int(in: 0...5), Generator<Int>.int(in: 0...2), Generator<Int>.int(in: 0...3000)
    ).array(count: 0...25)
    let luck = Generator<Int>.int(in: 0...99).array(count: 0...200)
    try await checkProperty(
      "Feature: wasmatrix, Property 9: started and stopped exactly as by OTP", cases: 3000,
      regressionSeeds: [17_347_935_424_397_701_473, 147_664_971_473_164_329],
      zip(Self.plans, steps, luck)
    ) { plan, steps, luck in
      var model = OTPModel(plan.children, plan.strategy, plan.intensity, Luck(luck))
      var world = OTPWorld(plan.children, plan.strategy, plan.intensity, Luck(luck))
      model.start()
      world.start()
      for (child, exit, time) in steps where child < plan.children.count {
        model.now += .milliseconds(time)
        world.pass(.milliseconds(time))
        model.exit(child, Self.exits[exit])
        world.exit(child, Self.exits[exit])
      }
      func compare() throws {
        guard model.trace == world.trace else {
          throw Difference(model: model.trace, supervisor: world.trace)
        }
      }
      try compare()
      let up = model.members.filter { $0.state == .up }.map(\.rules.id)
      guard up == world.alive.map(\.child), model.luck.position == world.luck.position,
        model.isOver == (world.script.supervisor.state == .ended)
      else { return false }
      model.stop()
      world.stop()
      try compare()
      return world.script.supervisor.state == .ended && world.alive.isEmpty
    }
  }

  @Test func `nothing goes wrong in any order of events`() async throws {
    // Each step: what happens, to which of those it can happen to.
    let steps = zip(Generator<Int>.int(in: 0...19), Generator<Int>.int(in: 0...5000))
      .array(count: 0...200)
    try await checkProperty(
      "Feature: wasmatrix, Property 9: one incarnation at a time, restarts within the intensity, "
        + "nothing is started after a stop, everything ends",
      cases: 2000, zip(Self.plans, steps, Generator<UInt64>.int(in: 0 ... .max))
    ) { plan, steps, seed in
      var chaos = SupervisorChaos(
        plan.children, plan.strategy, plan.intensity, SeededRandom(seed: seed))
      chaos.start()
      for (action, index) in steps { chaos.step(action, index) }
      chaos.stop()
      guard chaos.violations.isEmpty else { throw Violations(list: chaos.violations) }
      return chaos.ends == 1 && chaos.supervisor.state == .ended
        && chaos.supervisor.deferred.isEmpty && chaos.supervisor.nextDeadline == nil
        && chaos.living.isEmpty
    }
  }

  private struct Violations: Error { let list: [String] }
}
