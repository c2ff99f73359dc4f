import ClusterSimulator
import Foundation
import PropertyTesting
import Testing

/// Whole clusters through everything that can go wrong. What is checked in each run is written in
/// `Checker.swift`, `DeliveryChecker.swift`, `Evictions.swift`, `SimulatedAgent+Hands.swift` (while it goes on) and
/// `Convergence.swift` (at its end); that the last of these find something, in `EvictionTests` and `HandTests`.
@Suite(.serialized) struct SimulationTests {
  private struct Failed: Error { let failures: [String] }

  /// Runs a world on a thread of its own: it takes long, and must not hold up the few threads on which
  /// all other tests wait.
  private static func simulate(
    _ configuration: SimulationConfiguration
  ) async -> Simulation.Outcome {
    await withCheckedContinuation { continuation in
      // Not a dispatch queue: its few threads are those that everything else waits for.
      let thread = Thread { continuation.resume(returning: Simulation.run(configuration)) }
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  private static func check(_ configuration: SimulationConfiguration) async throws -> Bool {
    let outcome = await simulate(configuration)
    guard outcome.failures.isEmpty else { throw Failed(failures: outcome.failures) }
    return true
  }

  /// A world of a few nodes, in which things go wrong for a third of the time: what is not optimised takes
  /// long. `make simulate` runs hundreds of larger ones, as long as they are.
  private static func small(_ seed: UInt64) -> SimulationConfiguration {
    var configuration = SimulationConfiguration(seed: seed, nodes: 5)
    configuration.trouble = configuration.trouble / 3
    return configuration
  }

  private static let seeds = Generator<UInt64>.int(in: 0...(.max))

  // Feature: wasmatrix, Property 1: For any edge node that starts up, the Control_Plane should register the node, begin
  // health monitoring, and maintain accurate real-time inventory of the node's capabilities and status
  //
  // Feature: wasmatrix, Property 2: For any node that fails to respond to heartbeat checks, the Control_Plane should mark
  // it as unavailable, redistribute workloads to healthy nodes, and re-register it when it recovers
  //
  // Feature: wasmatrix, Property 4: For any Wasm module stored in the system, the Control_Plane should maintain complete
  // version history and support rollback to any previous version
  //
  // Feature: wasmatrix, Property 7: nothing is ever prepared on a node that its rules do not allow
  //
  // Feature: wasmatrix, Property 9: For any Wasm process crash or system failure, processes are restarted, circuit
  // breakers prevent cascading failures
  //
  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed delivery, modules are
  // spawned on demand, and failed processing is retried: in order by key, once for each group, with effects that take
  // place once (`DeliveryChecker.swift`, `TurnChecker.swift`)
  //
  // Feature: wasmatrix, Property 16: For any module registration, deployment, or state change, the Control_Plane should
  // maintain consistent registries of modules and their locations
  //
  // Feature: wasmatrix, Property 18: For any lifecycle state change, the Control_Plane should track and report changes in
  // real-time and maintain accurate system state
  @Test func `whatever goes wrong, nothing happens that may not, and the cluster comes to rest`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Properties 1, 2, 4, 7, 9, 11, 16, 18: whole clusters in virtual time",
      cases: 120, Self.seeds
    ) { try await Self.check(Self.small($0)) }
  }

  // Feature: wasmatrix, Property 6: placement decisions hold in a running cluster: what is placed fits, and nothing that
  // could be placed is left unplaced once the cluster is at rest
  @Test func `crowded small fleets come to rest too`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: small and crowded", cases: 100, Self.seeds
    ) { try await Self.check(Self.small($0)) }
  }

  /// Nodes are evicted, hands hold what they can, and entrances are asked, all the time.
  private static func meddledWith(
    _ configuration: SimulationConfiguration
  ) -> SimulationConfiguration {
    var configuration = configuration
    configuration.evictionEvery = .milliseconds(500)
    configuration.inProcessShare = 0.5
    configuration.joinDelay = .seconds(1)
    configuration.handEvery = .milliseconds(40)
    configuration.entranceEvery = .milliseconds(20)
    return configuration
  }

  @Test func `nodes that are evicted, and what hands hold, come to rest too`() async throws {
    try await checkProperty("evictions, hands and entrances", cases: 60, Self.seeds) {
      try await Self.check(Self.meddledWith(Self.small($0)))
    }
  }

  @Test func `in a world that is meddled with all of that occurs`() async {
    let configuration = Self.meddledWith(SimulationConfiguration(seed: 3, nodes: 12))
    let outcome = await Self.simulate(configuration)
    #expect(outcome.failures == [])
    let occurred = Set(outcome.coverage.table.filter { $0.count > 0 }.map(\.name))
    let wanted: Set = [
      "nodeCommand.evict", "eviction.comesBackAtOnce", "eviction.joinsAgain",
      "agentInput.linkRefused", "agentInput.holdRequested", "agentInput.releaseRequested",
      "agentDirective.answer", "entrance.runs", "commit.done",
    ]
    #expect(wanted.subtracting(occurred) == [])
  }

  @Test func `a world without faults comes to rest at once`() async throws {
    try await checkProperty("no faults", cases: 100, Self.seeds) { seed in
      var configuration = Self.small(seed)
      configuration.loss = 0
      configuration.partitionEvery = nil
      configuration.agentCrashEvery = nil
      configuration.agentFreezeEvery = nil
      configuration.planeCrashEvery = nil
      configuration.diskTroubleEvery = nil
      configuration.silenceEvery = nil
      configuration.childCrashEvery = nil
      return try await Self.check(configuration)
    }
  }

  @Test(arguments: [1, 70, 216, 300, 452, 605, 932, 957, 2214] as [UInt64])
  func `seeds that once failed`(seed: UInt64) async {
    let outcome = await Self.simulate(SimulationConfiguration(seed: seed, nodes: 50))
    #expect(outcome.failures == [])
  }

  @Test(
    arguments: [
      (14, 8), (38, 10), (1_002_815, 8), (7_003_701, 8), (17_001_754, 8),
      (5_514_301_874_283_270_640, 5), (31_377, 6),
    ] as [(UInt64, Int)])
  func `seeds that once failed in small fleets`(seed: UInt64, nodes: Int) async {
    let outcome = await Self.simulate(SimulationConfiguration(seed: seed, nodes: nodes))
    #expect(outcome.failures == [])
  }

  @Test func `the same seed is the same run, event by event`() {
    let configuration = SimulationConfiguration(seed: 42, nodes: 12)
    let first = Simulation.run(configuration, isTraced: true)
    let second = Simulation.run(configuration, isTraced: true)
    #expect(first.fingerprint == second.fingerprint)
    #expect(first.history == second.history)
    #expect(first.history.count > 1000)
    let other = Simulation.run(SimulationConfiguration(seed: 43, nodes: 12))
    #expect(other.fingerprint != first.fingerprint)
  }
}
