import ClusterModel

/// Runs a whole cluster of the logics that the program runs, in virtual time, through everything that
/// can go wrong; then heals it and expects it to come to rest.
///
/// The same seed and configuration give the same run, byte for byte, in any process.
public struct Simulation {
  public struct Outcome: Sendable {
    public var configuration: SimulationConfiguration
    /// What may not be and was, or had to be and was not; nothing when all is well.
    public var failures: [String]
    /// What happened, for people; only when it was asked for.
    public var history: [String]
    public var coverage: Coverage
    /// How many things happened.
    public var happenings: Int
    /// From the healing until everything was at rest; `nil` when it never was.
    public var convergence: Duration?
    public var eventsAccepted: Int
    public var invocationsAnswered: Int
    /// How long it took, each time, from when a node fell silent until all its work was elsewhere.
    public var moves: [Duration]
    /// The same for the same run: made of everything that was durable in the end.
    public var fingerprint: String
  }

  /// Things that may happen in one run: more is a logic that never comes to rest.
  static let mostHappenings = 20_000_000

  public static func run(
    _ configuration: SimulationConfiguration, isTraced: Bool = false
  ) -> Outcome {
    let world = World(configuration, isTraced: isTraced)
    world.startPlane()
    for index in world.agents.indices { world.bootAgent(index) }
    for tree in world.drillTrees { world.launch(tree) }
    world.planWorkload()
    world.planFaults()
    world.planTreeTrouble()
    run(world, until: world.healAt)
    world.heal()
    let convergence = settle(world)
    var failures = world.checker.failures
    if convergence == nil {
      failures += world.unrest().prefix(10).map { "it never came to rest: \($0)" }
    }
    failures += world.broken()
    return outcome(of: world, convergence: convergence, failures: failures)
  }

  static func outcome(
    of world: World, convergence: Duration?, failures: [String]
  ) -> Outcome {
    Outcome(
      configuration: world.configuration, failures: failures,
      history: world.history?.lines ?? [], coverage: world.coverage,
      happenings: world.timeline.happened, convergence: convergence,
      eventsAccepted: world.operators.eventsAccepted,
      invocationsAnswered: world.callers.answered, moves: world.moves,
      fingerprint: world.fingerprint)
  }

  static func run(_ world: World, until end: Int64) {
    while world.checker.failures.isEmpty, world.timeline.happened < mostHappenings,
      let happening = world.timeline.next(until: end)
    {
      world.happen(happening)
    }
  }

  /// Lets it come to rest: looks every so often, and once more a while later, so that what is at rest
  /// stays so.
  private static func settle(_ world: World) -> Duration? {
    let healed = world.timeline.now
    let step = Duration.milliseconds(250).nanosecondCount
    var restedSince: Int64?
    while world.checker.failures.isEmpty,
      world.timeline.now - healed < world.configuration.patience.nanosecondCount
    {
      run(world, until: world.timeline.now + step)
      guard world.unrest().isEmpty else {
        restedSince = nil
        continue
      }
      let since = restedSince ?? world.timeline.now
      restedSince = since
      if world.timeline.now - since >= 4 * step { return .nanoseconds(since - healed) }
    }
    return nil
  }
}
