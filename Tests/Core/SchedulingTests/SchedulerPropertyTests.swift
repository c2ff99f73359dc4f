import ClusterModel
import PropertyTesting
import Testing

@testable import Scheduling

// One after the other: each is work for a processor, and all tests share few threads.
@Suite(.serialized) struct SchedulerPropertyTests {
  private static let now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 5), wall: WallInstant(microseconds: 7))

  private struct Difference: Error { let text: String }

  /// Does the same to both; throws where they decide differently.
  private static func run(_ history: Fleets.History) throws {
    var scheduler = Scheduler()
    var naive = NaiveScheduler()
    for step in history.steps {
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
      case .release(let id, let memory):
        scheduler.release(memory, on: id)
        naive.rows[id]?.reserved -= memory.bytes
      case .decide(let number, let request):
        try compare(&scheduler, naive, history.request(number, request))
      case .batch(let number, let requests):
        try compare(&scheduler, &naive, requests.map { history.request(number, $0) })
      }
    }
  }

  private static func compare(
    _ scheduler: inout Scheduler, _ naive: NaiveScheduler, _ request: PlacementRequest
  ) throws {
    let decision = scheduler.decide(request, at: now)
    try compare(decision, naive, request)
    let explanation = scheduler.explain(request, at: now)
    guard explanation.decision == decision else { throw Difference(text: "explained otherwise") }
    try compare(explanation, naive, request)
    guard scheduler.decide(request, at: now) == decision else {
      throw Difference(text: "decided otherwise the second time")
    }
  }

  private static func compare(
    _ decision: SchedulingDecision, _ naive: NaiveScheduler, _ request: PlacementRequest
  ) throws {
    let expected = naive.decide(request)
    let factors = expected.isEmpty ? nil : naive.ranking(request, after: []).first?.factors
    guard decision.selectedNodes == Array(expected.prefix(request.replicas)),
      decision.fallbackNodes == Array(expected.dropFirst(request.replicas)),
      decision.decisionFactors == factors ?? DecisionFactors()
    else { throw Difference(text: "\(decision), expected \(expected) for \(factors as Any)") }
  }

  private static func compare(
    _ scheduler: inout Scheduler, _ naive: inout NaiveScheduler, _ requests: [PlacementRequest]
  ) throws {
    let decisions = scheduler.decide(batch: requests, at: now)
    guard decisions.count == requests.count else { throw Difference(text: "not one for each") }
    for (decision, request) in zip(decisions, requests) {
      try compare(decision, naive, request)
      for id in decision.selectedNodes + decision.fallbackNodes {
        naive.rows[id]?.reserved += request.memory.bytes
      }
    }
  }

  /// Every node has one verdict; all that may run it in the order of the rules, with its score.
  private static func compare(
    _ explanation: PlacementExplanation, _ naive: NaiveScheduler, _ request: PlacementRequest
  ) throws {
    let chosen = naive.decide(request)
    var expected: [(id: NodeID, score: Double, factors: DecisionFactors)] = []
    for place in chosen.indices {
      if let best = naive.ranking(request, after: Array(chosen[..<place])).first {
        expected.append((best.id, best.total, best.factors))
      }
    }
    for rank in naive.ranking(request, after: chosen) {
      expected.append((rank.id, rank.total, rank.factors))
    }
    let weights = request.rules.weights
    let sum =
      weights.latency + weights.distance + weights.dataLocality + weights.resources
      + weights.faultDomain
    let verdicts = explanation.verdicts
    for (verdict, (id, total, factors)) in zip(verdicts, expected) {
      guard verdict.node == id, verdict.score == total / sum, verdict.factors == factors,
        verdict.rejections.isEmpty, verdict.outcome != .rejected
      else { throw Difference(text: "\(verdict), expected \(id) with \(total / sum)") }
    }
    let rejected = verdicts.dropFirst(expected.count)
    guard verdicts.count == naive.rows.count, rejected.allSatisfy({ $0.outcome == .rejected }),
      rejected.allSatisfy({ !$0.rejections.isEmpty && !naive.mayRun(request, $0.node) }),
      rejected.map(\.node) == rejected.map(\.node).sorted(),
      Set(verdicts.map(\.node)) == Set(naive.rows.keys)
    else { throw Difference(text: "those that may not run it: \(rejected)") }
  }

  // Feature: wasmatrix, Property 6: For any scheduling decision, the Proximity_Scheduler should prioritize nodes based
  // on network latency and geographic proximity, consider data locality, distribute across fault domains, and complete
  // placement decisions within 5ms for edge workloads (the time is measured by the benchmark)
  @Test func `any fleet in any history is decided as by looking at every node for every choice`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: exactly the naive answer", cases: 300,
      regressionSeeds: [6_863_939_321_158_265_449], Fleets.history
    ) { history in
      try Self.run(history)
      return true
    }
  }

  @Test func `large fleets are decided the same`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: exactly the naive answer in fleets of many blocks",
      cases: 100, Fleets.largeHistory
    ) { history in
      try Self.run(history)
      return true
    }
  }

  @Test func `fleets of few fault domains are decided the same`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: exactly the naive answer where every domain is taken",
      cases: 100, Fleets.crowdedHistory
    ) { history in
      try Self.run(history)
      return true
    }
  }

  @Test func `fleets where nearly all nodes tie are decided the same`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: exactly the naive answer where nodes are alike",
      cases: 100, Fleets.alikeHistory
    ) { history in
      try Self.run(history)
      return true
    }
  }

  @Test func `so are those of more nodes than any level has lanes`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: exactly the naive answer where 4097 nodes are alike",
      cases: 3, Fleets.hugeAlikeHistory
    ) { history in
      try Self.run(history)
      return true
    }
  }

  // Feature: wasmatrix, Property 7: For any node evaluation during scheduling, the Proximity_Scheduler should consider
  // CPU architecture, memory, specialized hardware, and maintain architecture compatibility matrices for appropriate
  // placement
  @Test func `whatever is chosen may run it, and portable code is the last resort`() async throws {
    let inputs = zip(Fleets.node(among: 30).array(count: 0...60), Fleets.request(among: 30))
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
}
