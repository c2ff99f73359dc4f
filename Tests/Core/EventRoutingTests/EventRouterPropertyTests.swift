import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

// Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed
// delivery, modules are spawned on demand, and failed processing is retried with exponential backoff
@Suite struct EventRouterPropertyTests {
  private static let topics = ["in/a", "in/b", "mid/x", "nowhere"].map { Topic(unchecked: $0) }

  private static func deployment(
    _ name: String, _ filter: String, result: String? = nil, attempts: Int = 3, concurrency: Int = 2
  ) -> RoutedDeployment {
    RoutedDeployment(
      name: QualifiedName(.default, ModuleName(unchecked: name)), generation: 1,
      configuration: DeploymentConfiguration(
        triggers: [Trigger(topic: TopicFilter(unchecked: filter))],
        resultTopic: result.map { Topic(unchecked: $0) },
        retry: RetryPolicy(attempts: attempts), concurrency: concurrency),
      isReady: true)
  }

  private static let deployments = [
    deployment("first", "in/#", result: "mid/x"), deployment("second", "mid/+", attempts: 1),
    deployment("third", "in/a", concurrency: 1),
  ]

  @Test func `every accepted event ends delivered or dead, whatever fails in between`() async throws
  {
    // Each step: what is done, to which piece of work, with which luck.
    let steps = zip(
      Generator<Int>.int(in: 0...24), Generator<Int>.int(in: 0...50), Generator<Int>.int(in: 0...5)
    ).array(count: 0...150)
    try await checkProperty(
      "Feature: wasmatrix, Property 11: accepted events are delivered or put aside, never lost",
      cases: 300, zip(steps, Generator<UInt64>.int(in: 0...1000))
    ) { steps, seed in
      var simulation = RouterSimulation(
        Self.deployments,
        limits: EventRouter.Limits(
          pendingDeliveries: 40, running: 3, recording: 4, unrecordedBytes: ByteCount(bytes: 6000)),
        random: SeededRandom(seed: seed))
      for (action, index, luck) in steps {
        switch action {
        case 0: simulation.crash()
        case 1...7: simulation.publish(Self.topics[index % Self.topics.count])
        case 8...9: simulation.advance(.milliseconds(index * 40))
        case 10: simulation.redeploy(index)
        case 11: simulation.replay(index)
        case _: simulation.finishWork(index, luck: luck)
        }
      }
      simulation.heal()
      guard simulation.violations.isEmpty else { throw Violations(list: simulation.violations) }
      return simulation.log.pending.isEmpty && simulation.router.pendingCount == 0
        && simulation.router.pendingBytes == 0 && simulation.router.running == 0
        && simulation.router.recording == 0 && simulation.router.unrecordedBytes == 0
        && simulation.accepted.allSatisfy { simulation.log.events[$0] != nil }
    }
  }

  private struct Violations: Error { let list: [String] }

  @Test func `a handler that always fails is tried as often as its policy says, ever later`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 11: retried with growing back-off, then dead",
      cases: 200,
      zip(
        Generator<Int>.int(in: 1...12), Generator<Int>.int(in: 1...2000),
        Generator<UInt64>.int(in: 0 ... .max))
    ) { attempts, initial, seed in
      let policy = RetryPolicy(
        attempts: attempts, initialDelay: .milliseconds(initial), maximumDelay: .seconds(30))
      var deployment = Self.deployment("m", "x")
      deployment.configuration.retry = policy
      var simulation = RouterSimulation(
        [deployment], limits: EventRouter.Limits(), random: SeededRandom(seed: seed))
      simulation.publish(Topic(unchecked: "x"))
      simulation.finishWork(0, luck: 0)
      simulation.finishWork(0, luck: 0)
      for attempt in 1...attempts {
        guard case .activate = simulation.work.first, simulation.work.count == 1 else {
          return false
        }
        // It fails, and that is made durable.
        simulation.finishWork(0, luck: 1)
        simulation.finishWork(0, luck: 0)
        simulation.finishWork(0, luck: 0)
        guard attempt < attempts else { break }
        guard let deadline = simulation.router.nextDeadline else { return false }
        let wait = deadline - simulation.now.monotonic
        guard wait <= policy.delayCeiling(beforeAttempt: attempt + 1) else { return false }
        simulation.advance(wait)
      }
      return simulation.log.dead.count == 1 && simulation.work.isEmpty
        && simulation.router.pendingCount == 0
    }
  }

  @Test func `waits grow exponentially up to their ceiling and never beyond`() async throws {
    let policies = zip(
      Generator<Int>.int(in: 1...5000), Generator<Int>.int(in: 1...100_000),
      Generator<Int>.int(in: 2...100))
    try await checkProperty(
      "Feature: wasmatrix, Property 11: retries back off exponentially with jitter",
      cases: 500, zip(policies, Generator<UInt64>.int(in: 0 ... .max))
    ) { values, seed in
      let (initial, maximum, attempt) = values
      let policy = RetryPolicy(
        attempts: 100, initialDelay: .milliseconds(initial),
        maximumDelay: .milliseconds(max(maximum, initial)))
      var random = SeededRandom(seed: seed)
      let ceiling = policy.delayCeiling(beforeAttempt: attempt)
      let next = policy.delayCeiling(beforeAttempt: attempt + 1)
      let delay = policy.delay(beforeAttempt: attempt, using: &random)
      return delay >= .zero && delay <= ceiling && ceiling <= policy.maximumDelay
        && (next == ceiling * 2 || next == policy.maximumDelay)
    }
  }
}
