import ClusterModel
import PropertyTesting
import Testing

@testable import Scheduling

@Suite struct SchedulerPropertyTests {
  private static let now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 5), wall: WallInstant(microseconds: 7))

  private struct Difference: Error { let text: String }

  /// Does the same to both; throws where they decide differently.
  private static func run(_ steps: [Fleets.Step]) throws {
    var scheduler = Scheduler()
    var naive = NaiveScheduler()
    for step in steps {
      switch step {
      case .put(let node):
        scheduler.put(node)
        if naive.rows[node.id] == nil {
          naive.rows[node.id] = NaiveScheduler.Row(profile: node)
        } else {
          naive.rows[node.id]?.profile = node
        }
      case .remove(let id):
        scheduler.remove(id)
        naive.rows[id] = nil
      case .availability(let id, let availability):
        scheduler.setAvailability(availability, of: id)
        naive.rows[id]?.availability = availability
      case .breaker(let id, let isOpen):
        scheduler.setBreaker(open: isOpen, of: id)
        naive.rows[id]?.isBroken = isOpen
      case .load(let id, let load):
        scheduler.setLoad(load, of: id)
        naive.rows[id]?.load = load
      case .latency(let id, let zone, let latency):
        scheduler.setLatency(latency, from: zone, to: id)
        naive.rows[id]?.latencies[zone] = latency
      case .reserve(let id, let memory):
        scheduler.reserve(memory, on: id)
        naive.rows[id]?.reserved += memory.bytes
      case .decide(let request): try compare(&scheduler, naive, request)
      }
    }
  }

  private static func compare(
    _ scheduler: inout Scheduler, _ naive: NaiveScheduler, _ request: PlacementRequest
  ) throws {
    let decision = scheduler.decide(request, at: now)
    let expected = naive.decide(request)
    guard decision.selectedNodes == expected.selected, decision.fallbackNodes == expected.fallbacks
    else {
      throw Difference(
        text: "\(decision.selectedNodes)+\(decision.fallbackNodes), expected \(expected)")
    }
    let explanation = scheduler.explain(request, at: now)
    guard explanation.decision == decision else { throw Difference(text: "explained otherwise") }
    let named = explanation.verdicts.map(\.node)
    guard Set(named) == Set(naive.rows.keys), Set(named).count == named.count else {
      throw Difference(text: "not every node has one verdict")
    }
    for verdict in explanation.verdicts {
      let isRejected = verdict.outcome == .rejected
      guard isRejected != naive.mayRun(request, verdict.node),
        isRejected != verdict.rejections.isEmpty,
        verdict.score.map({ $0.isFinite && (0...1).contains($0) }) ?? isRejected
      else { throw Difference(text: "the verdict of \(verdict.node) is \(verdict)") }
    }
  }

  // Feature: wasmatrix, Property 6: For any scheduling decision, the Proximity_Scheduler should prioritize nodes based
  // on network latency and geographic proximity, consider data locality, distribute across fault domains, and complete
  // placement decisions within 5ms for edge workloads (the time is measured by the benchmark)
  @Test func `any fleet in any history is decided as by looking at every node for every choice`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: exactly the naive answer", cases: 300,
      Fleets.step.array(count: 0...120)
    ) { steps in
      try Self.run(steps)
      return true
    }
  }

  // Feature: wasmatrix, Property 7: For any node evaluation during scheduling, the Proximity_Scheduler should consider
  // CPU architecture, memory, specialized hardware, and maintain architecture compatibility matrices for appropriate
  // placement
  @Test func `whatever is chosen may run it, and portable code is the last resort`() async throws {
    let inputs = zip(Fleets.node.array(count: 0...60), Fleets.request)
    try await checkProperty(
      "Feature: wasmatrix, Property 7: nothing is placed where it may not run", cases: 200, inputs
    ) { nodes, request in
      var scheduler = Scheduler()
      var naive = NaiveScheduler()
      for node in nodes {
        scheduler.put(node)
        naive.rows[node.id] = NaiveScheduler.Row(profile: node)
      }
      let decision = scheduler.decide(request, at: Self.now)
      let chosen = decision.selectedNodes + decision.fallbackNodes
      let fits = chosen.map { id in
        CompatibilityMatrix.fit(
          request.rules.architectures, naive.rows[id]?.profile.capabilities.architectures ?? [])
      }
      return chosen.allSatisfy { naive.mayRun(request, $0) } && fits == fits.sorted()
        && Set(chosen).count == chosen.count
    }
  }

  @Test func `a batch is decided like one after the other, each reserving what it chose`()
    async throws
  {
    let inputs = zip(Fleets.node.array(count: 1...40), Fleets.request.array(count: 1...8))
    try await checkProperty(
      "Feature: wasmatrix, Property 6: batches", cases: 200, inputs
    ) { nodes, requests in
      var scheduler = Scheduler()
      var naive = NaiveScheduler()
      for node in nodes {
        scheduler.put(node)
        naive.rows[node.id] = NaiveScheduler.Row(profile: node)
      }
      let decisions = scheduler.decide(batch: requests, at: Self.now)
      return zip(requests, decisions).allSatisfy { request, decision in
        let expected = naive.decide(request)
        for id in expected.selected + expected.fallbacks {
          naive.rows[id]?.reserved += request.memory.bytes
        }
        return decision.selectedNodes == expected.selected
          && decision.fallbackNodes == expected.fallbacks
      }
    }
  }
}
