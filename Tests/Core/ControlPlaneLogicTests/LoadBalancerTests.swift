import ClusterModel
import NodeTracking
import PropertyTesting
import Testing

@testable import ControlPlaneLogic

/// Where the next runs.
@Suite struct LoadBalancerTests {
  private static let id = PlacementID(
    QualifiedName(.default, ModuleName(unchecked: "m")), generation: 1)

  private static func nodes(_ count: Int) -> [NodeID] {
    (0..<count).map { NodeID(unchecked: "n\(1000 + $0)") }
  }

  private static func at(_ milliseconds: Double) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(milliseconds * 1e6))
  }

  /// Nodes that each take their time for whatever runs there, one after the other or all at once, and
  /// callers that come at random.
  private struct Fleet {
    var balancer = LoadBalancer()
    let nodes: [NodeID]
    let latencies: [Double]
    var random: SeededRandom
    var now = 0.0
    var counts: [NodeID: Int] = [:]
    var lastUsed: [NodeID: Double] = [:]
    private var last: UInt64 = 0
    private var running: [(at: Double, request: RequestID, route: Route)] = []

    init(_ latencies: [Double], seed: UInt64) {
      self.latencies = latencies
      nodes = LoadBalancerTests.nodes(latencies.count)
      random = SeededRandom(seed: seed)
      for node in nodes { balancer.serves(LoadBalancerTests.id, on: node) }
    }

    mutating func arrive(
      after gap: Double, _ fitness: (NodeID) -> LoadBalancer.Fitness = { _ in .fit }
    ) {
      now += gap
      for run in running.filter({ $0.at <= now }).sorted(by: { $0.at < $1.at }) {
        _ = balancer.ended(
          run.request, run.route, isMeasured: true, at: LoadBalancerTests.at(run.at))
      }
      running.removeAll { $0.at <= now }
      guard
        let node = balancer.choose(
          LoadBalancerTests.id, among: nodes, at: LoadBalancerTests.at(now), using: &random,
          fitness: fitness), let index = nodes.firstIndex(of: node)
      else { return }
      last += 1
      let route = Route(
        node: node, placement: LoadBalancerTests.id, fence: .zero, run: last)
      balancer.began(RequestID(last), route, at: LoadBalancerTests.at(now))
      running.append((now + latencies[index], RequestID(last), route))
      counts[node, default: 0] += 1
      lastUsed[node] = now
    }
  }

  @Test func `the nearest gets all until so much runs there that the next is better`() {
    var fleet = Fleet([2, 20], seed: 1)
    for _ in 0..<4 { fleet.arrive(after: 50) }
    #expect(fleet.counts[fleet.nodes[0]] ?? 0 >= 2)
    let before = fleet.counts
    // All at once: ten on the near one cost as much as one on the far one.
    for _ in 0..<11 { fleet.arrive(after: 0.001) }
    #expect(fleet.counts[fleet.nodes[0], default: 0] - before[fleet.nodes[0], default: 0] >= 9)
    #expect(fleet.counts[fleet.nodes[1], default: 0] > before[fleet.nodes[1], default: 0])
  }

  @Test func `a latency that is worse counts at once, one that is better bit by bit`() {
    var meter = LatencyMeter()
    #expect(meter.latency(at: Self.at(0)) == nil)
    meter.ended(after: .milliseconds(1), at: Self.at(0))
    meter.ended(after: .milliseconds(9), at: Self.at(1))
    #expect(meter.latency(at: Self.at(1)) == 9e6)
    meter.ended(after: .milliseconds(1), at: Self.at(1001))
    let better = meter.latency(at: Self.at(1001)) ?? 0
    #expect(better > 7e6 && better < 9e6)
    #expect(meter.latency(at: Self.at(6001)) == better / 2)
    #expect(meter.latency(at: Self.at(1e9)) == 0)
  }

  @Test func `from where nothing comes back it takes as long as that lasts`() {
    var meter = LatencyMeter()
    meter.began(at: Self.at(0))
    meter.began(at: Self.at(10))
    #expect(meter.silence(at: Self.at(100)) == 100e6 && meter.latency(at: Self.at(100)) == nil)
    meter.ended(after: nil, at: Self.at(100))
    #expect(meter.silence(at: Self.at(130)) == 30e6, "something came back")
    meter.ended(after: .milliseconds(2), at: Self.at(130))
    #expect(meter.silence(at: Self.at(200)) == 0 && meter.latency(at: Self.at(130)) == 2e6)
    meter.began(at: Self.at(130))
    meter.forgetRuns()
    #expect(meter.silence(at: Self.at(200)) == 0, "nobody waits for it any more")
  }

  @Test func `a node on trial gets the next one, and one in doubt only when there is no other`() {
    let nodes = Self.nodes(3)
    var random = SeededRandom(seed: 1)
    let balancer = LoadBalancer()
    func choose(_ fitness: [LoadBalancer.Fitness]) -> NodeID? {
      balancer.choose(Self.id, among: nodes, at: Self.at(0), using: &random) { node in
        fitness[nodes.firstIndex(of: node) ?? 0]
      }
    }
    #expect(choose([.fit, .fit, .onTrial]) == nodes[2])
    #expect(choose([.doubtful, .fit, .doubtful]) == nodes[1])
    #expect(choose([.unfit, .doubtful, .doubtful]) == nodes[1])
    #expect(choose([.unfit, .unfit, .unfit]) == nil)
  }

  @Test func `for a caller elsewhere the way of the caller counts and the work as it was measured`()
  {
    var balancer = LoadBalancer()
    let nodes = Self.nodes(2)
    var random = SeededRandom(seed: 1)
    // Both were measured from where requests enter: the first is 2 ms away and works for 1 ms, the
    // second is 50 ms away and works for 30 ms.
    let ways = [2, 50].map { Duration.milliseconds($0) }
    for (index, took) in [3.0, 80.0].enumerated() {
      let route = Route(node: nodes[index], placement: Self.id, fence: .zero)
      balancer.serves(Self.id, on: nodes[index])
      balancer.began(RequestID(UInt64(index)), route, at: Self.at(0))
      _ = balancer.ended(
        RequestID(UInt64(index)), route, isMeasured: true, at: Self.at(took))
    }
    func choose(_ way: ((NodeID) -> Duration?)?) -> NodeID? {
      balancer.choose(
        Self.id, among: nodes, at: Self.at(80), using: &random,
        estimate: { ways[nodes.firstIndex(of: $0) ?? 0] }, way: way, fitness: { _ in .fit })
    }
    #expect(choose(nil) == nodes[0])
    // 60 + 1 ms against 1 + 30 ms; then the work decides.
    #expect(choose { $0 == nodes[0] ? .milliseconds(60) : .milliseconds(1) } == nodes[1])
    #expect(choose { $0 == nodes[0] ? .milliseconds(20) : .milliseconds(1) } == nodes[0])
    #expect(choose { _ in nil } == nodes[0], "nothing is known of either way")
  }

  @Test func `what is known of a placement goes with it`() {
    var balancer = LoadBalancer()
    let nodes = Self.nodes(2)
    var random = SeededRandom(seed: 1)
    for node in nodes { balancer.serves(Self.id, on: node) }
    let route = Route(node: nodes[0], placement: Self.id, fence: .zero)
    func next() -> NodeID? {
      balancer.choose(Self.id, among: nodes, at: Self.at(100), using: &random) { _ in .fit }
    }
    balancer.began(RequestID(1), route, at: Self.at(0))
    #expect(balancer.ended(RequestID(1), route, isMeasured: true, at: Self.at(100)) == true)
    #expect(next() == nodes[1])
    balancer.forget(Self.id, on: nodes[0])
    #expect(next() == nodes[0])
    balancer.began(RequestID(2), route, at: Self.at(0))
    #expect(balancer.ended(RequestID(2), route, isMeasured: true, at: Self.at(100)) == true)
    #expect(next() == nodes[0], "what comes late brings nothing back")
  }

  @Test func `a choice among many looks at few`() {
    let nodes = Self.nodes(1000)
    var random = SeededRandom(seed: 7)
    let balancer = LoadBalancer()
    for _ in 0..<1000 {
      var looks = 0
      _ = balancer.choose(Self.id, among: nodes, at: Self.at(0), using: &random) { _ in
        looks += 1
        return .fit
      }
      #expect(looks >= 2 && looks <= 8)
    }
  }

  private struct Wrong: Error, CustomStringConvertible { let description: String }

  private static let fleets = zip(
    Generator<Int>.int(in: 1...100).array(count: 2...20), Generator<UInt64>.int(in: 0...(.max)))

  // Feature: wasmatrix, Property 8: For any module instantiation request, resources are used where they are
  @Test func `who is slow gets less, nobody starves, and who is unfit gets nothing`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 8: spilling by latency and load", Self.fleets
    ) { latencies, seed in
      var fleet = Fleet(latencies.map { Double($0) } + [4000], seed: seed)
      let slow = fleet.nodes[latencies.count]
      let unfit = fleet.nodes[0]
      for _ in 0..<1500 { fleet.arrive(after: 60) { $0 == unfit ? .unfit : .fit } }
      if fleet.counts[unfit] != nil { throw Wrong(description: "an unfit node was chosen") }
      let others = fleet.nodes.dropFirst().dropLast()
      for node in fleet.nodes.dropFirst() {
        guard let used = fleet.lastUsed[node] else { throw Wrong(description: "\(node) starves") }
        if fleet.now - used > 75_000 { throw Wrong(description: "\(node) is forgotten") }
      }
      for node in others where fleet.counts[node, default: 0] < fleet.counts[slow, default: 0] {
        throw Wrong(description: "the slow one gets more than \(node): \(fleet.counts)")
      }
      return true
    }
  }
}
