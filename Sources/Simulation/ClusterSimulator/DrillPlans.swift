import ClusterModel
import Supervision

/// Trees of services without any other meaning, drawn from a seed, so that every strategy, restart type,
/// intensity, back-off and way to stop meets every other.
struct DrillPlans {
  private var random: SimulationRandom

  static func trees(_ configuration: SimulationConfiguration) -> [SimulatedTree] {
    var plans = DrillPlans(random: SimulationRandom(seed: configuration.seed, stream: 10))
    return (0..<configuration.drills).map { SimulatedTree(.drill($0), plans.plan(depth: 0)) }
  }

  private mutating func plan(depth: Int) -> SupervisionPlan {
    let children = (0..<(2 + random.index(below: 3))).map { index in
      child(ChildID(unchecked: "c\(index)"), depth)
    }
    return SupervisionPlan(
      strategy: random.element(of: SupervisionStrategy.allCases) ?? .oneForOne,
      intensity: RestartIntensity(
        restarts: random.index(below: 5),
        window: random.duration(in: .milliseconds(300) ... .seconds(5))),
      backOff: random.happens(0.2)
        ? .none
        : RestartBackOff(
          immediate: random.index(below: 3), initial: random.duration(upTo: .milliseconds(100)),
          maximum: random.duration(upTo: .seconds(1)),
          stableAfter: random.duration(upTo: .seconds(3))),
      children: children)
  }

  private mutating func child(_ id: ChildID, _ depth: Int) -> SupervisionPlan.Child {
    let restart: RestartType =
      switch random.index(below: 8) {
      case 0: .temporary
      case 1, 2: .transient
      case _: .permanent
      }
    var child: SupervisionPlan.Child
    if depth < 2, random.happens(0.3) {
      child = .supervisor(id, plan(depth: depth + 1))
      child.rules.restart = restart
    } else {
      child = .service(id, restart: restart, shutdown: shutdown())
    }
    return child
  }

  private mutating func shutdown() -> ShutdownPolicy {
    switch random.index(below: 5) {
    case 0: .brutalKill
    case 1: .infinity
    case _: .within(random.duration(in: .milliseconds(50) ... .seconds(1)))
    }
  }
}
