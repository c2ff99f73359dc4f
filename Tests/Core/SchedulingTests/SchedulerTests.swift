import ClusterModel
import Testing

@testable import Scheduling

@Suite struct SchedulerTests {
  private var scheduler = Scheduler()
  private let now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))

  private mutating func add(
    _ id: String, _ architectures: [Architecture] = [.x86_64], zone: String = "z",
    at place: (Double, Double)? = nil, memory: Int = 256, domain: String? = nil
  ) throws {
    scheduler.put(
      NodeProfile(
        id: NodeID(unchecked: id),
        location: NodeLocation(
          zone: Zone(unchecked: zone),
          coordinates: try place.map { try Coordinates(latitude: $0.0, longitude: $0.1) }),
        capabilities: try NodeCapabilities(
          architectures: architectures, memory: .mebibytes(memory), cpuCores: 1,
          faultDomain: domain.map { FaultDomain(unchecked: $0) })))
  }

  private func request(
    _ rules: PlacementRules = PlacementRules(), replicas: Int = 1, fallbacks: Int = 0,
    holders: [String] = []
  ) -> PlacementRequest {
    PlacementRequest(
      name: QualifiedName(.default, ModuleName(unchecked: "m")), rules: rules,
      memory: .mebibytes(64), replicas: replicas, fallbacks: fallbacks,
      holders: holders.map { NodeID(unchecked: $0) })
  }

  private mutating func chosen(_ request: PlacementRequest) -> [String] {
    let decision = scheduler.decide(request, at: now)
    return (decision.selectedNodes + decision.fallbackNodes).map(\.text)
  }

  @Test mutating func `the nearest by measured time wins over the nearest on the map`() throws {
    try add("far", at: (0, 50))
    try add("near", at: (0, 1))
    let origin = NodeLocation(
      zone: Zone(unchecked: "gate"), coordinates: try Coordinates(latitude: 0, longitude: 0))
    let rules = PlacementRules(origin: origin)
    #expect(chosen(request(rules)) == ["near"])
    scheduler.setLatency(.milliseconds(400), from: origin.zone, to: NodeID(unchecked: "near"))
    scheduler.setLatency(.milliseconds(1), from: origin.zone, to: NodeID(unchecked: "far"))
    #expect(chosen(request(rules)) == ["far"])
    scheduler.setLatency(nil, from: origin.zone, to: NodeID(unchecked: "near"))
    scheduler.setLatency(nil, from: origin.zone, to: NodeID(unchecked: "far"))
    #expect(chosen(request(rules)) == ["near"])
  }

  @Test mutating func `placements and fallbacks lie in different fault domains`() throws {
    for index in 0..<40 { try add("a\(index)", domain: "hall-a") }
    try add("b", memory: 100, domain: "hall-b")
    try add("c", memory: 100, domain: "hall-c")
    let nodes = chosen(request(replicas: 2, fallbacks: 1))
    #expect(Set(nodes.map { String($0.prefix(1)) }) == ["a", "b", "c"])
  }

  @Test mutating func `portable code loses to native code whatever else is better`() throws {
    try add("portable", [.portable], zone: "here", memory: 1000)
    try add("native", [.aarch64], zone: "there", memory: 64)
    let here = NodeLocation(zone: Zone(unchecked: "here"))
    let rules = PlacementRules(architectures: [.aarch64, .portable], origin: here)
    #expect(chosen(request(rules, replicas: 2)) == ["native", "portable"])
    #expect(chosen(request(PlacementRules(architectures: [.aarch64]), replicas: 2)) == ["native"])
  }

  @Test mutating func `ties go to who holds it, then to the smaller name`() throws {
    for id in ["c", "a", "b"] { try add(id, domain: id) }
    #expect(chosen(request()) == ["a"])
    #expect(chosen(request(holders: ["c"])) == ["c"])
  }

  @Test mutating func `a fleet of like nodes that shrinks is decided as what is left of it`() throws
  {
    let ids = (0..<300).map { "n\(1000 + $0)" }
    for id in ids { try add(id) }
    // What was known of 256 nodes at once must not outlive them.
    for count in stride(from: 300, to: 3, by: -3) {
      #expect(chosen(request(replicas: 2)) == ["n1000", "n1001"])
      for id in ids[..<count].suffix(3) { scheduler.remove(NodeID(unchecked: id)) }
    }
  }

  @Test mutating func `the smallest name of all other states wins its tie, in the first row too`()
    throws
  {
    for id in 0..<256 { try add("n\(1000 + id)", domain: nil) }
    // More states than are told apart, and the first row in the worst of them.
    for id in 0..<256 {
      let load = try NodeLoad(
        cpuPercent: Double(id == 0 ? 90 : id % 8), memoryPercent: 0, activeModules: 0)
      scheduler.setLoad(load, of: NodeID(unchecked: "n\(1000 + id)"))
    }
    let weights = try PlacementWeights(
      latency: 0, distance: 0, resources: 0, dataLocality: 1, faultDomain: 0)
    let rules = PlacementRules(weights: weights)
    var others = request(rules)
    others.excluded = [NodeID(unchecked: "n1000")]
    #expect(chosen(others) == ["n1001"])
    #expect(chosen(request(rules)) == ["n1000"])
  }

  @Test mutating func `a domain is one for as long as a node is in it`() throws {
    for id in ["a", "b", "c"] { try add(id, domain: "hall") }
    scheduler.remove(NodeID(unchecked: "a"))
    scheduler.remove(NodeID(unchecked: "b"))
    for id in ["d", "e"] { try add(id, memory: 200, domain: "other") }
    try add("f", memory: 100, domain: "hall")
    #expect(chosen(request(replicas: 2)) == ["c", "d"])
    var crowded = request()
    crowded.companions = [NodeID(unchecked: "c"), NodeID(unchecked: "c")]
    let verdicts = scheduler.explain(crowded, at: now).verdicts
    let spread = Dictionary(
      uniqueKeysWithValues: verdicts.map { ($0.node.text, $0.factors?.faultDomainScore) })
    #expect(spread["c"] == 1.0 / 3 && spread["f"] == 1.0 / 3)
    #expect(spread["d"] == 1.0 && spread["e"] == 0.5)
  }

  @Test mutating func `an explanation says who holds it`() throws {
    try add("a", domain: "a")
    try add("b", domain: "b")
    let verdicts = scheduler.explain(request(holders: ["b"]), at: now).verdicts
    let holding = verdicts.filter { $0.reason.contains("holds it already") }
    #expect(holding.map(\.node.text) == ["b"])
  }

  @Test mutating func `where nodes are alike few of them are looked at`() throws {
    for id in 0..<5000 { try add("n\(10_000 + id)") }
    for _ in 0..<3 { _ = chosen(request(replicas: 2, fallbacks: 1)) }
    #expect(scheduler.selection.considered < 100)
    // Those of the smallest names differ from the others now.
    for id in 0..<40 { scheduler.reserve(.mebibytes(64), on: NodeID(unchecked: "n\(10_000 + id)")) }
    #expect(chosen(request(replicas: 2)) == ["n10040", "n10041"])
    #expect(chosen(request(replicas: 2)) == ["n10040", "n10041"])
    #expect(scheduler.selection.considered < 150)
    // A holder wins its tie wherever it is, and no other is looked at for it.
    #expect(chosen(request(holders: ["n14999"])) == ["n14999"])
    #expect(scheduler.selection.considered < 100)
  }

  @Test mutating func `where nodes differ few of them are looked at, too`() throws {
    for id in 0..<5000 {
      try add("n\(10_000 + id)")
      let load = try NodeLoad(
        cpuPercent: Double(id * 7919 % 5000) / 50, memoryPercent: 0, activeModules: 0)
      scheduler.setLoad(load, of: NodeID(unchecked: "n\(10_000 + id)"))
    }
    for _ in 0..<3 { _ = chosen(request(replicas: 2, fallbacks: 1)) }
    #expect(scheduler.selection.considered < 2000)
  }

  @Test mutating func `columns are kept for the rules that were asked for last, and no more`()
    throws
  {
    try add("a")
    let often = PlacementRules(origin: NodeLocation(zone: Zone(unchecked: "often")))
    _ = chosen(request(often))
    for number in 0..<40 {
      let origin = NodeLocation(zone: Zone(unchecked: "gate\(number)"))
      #expect(chosen(request(PlacementRules(origin: origin))) == ["a"])
      #expect(scheduler.prospects.entries.count == min(number + 2, ProspectsCache.maximum))
      #expect(scheduler.prospects.entries.contains { $0.rules.rules == often })
      #expect(chosen(request(often)) == ["a"])
    }
  }

  @Test mutating func `what is reserved is not given twice`() throws {
    try add("a", memory: 100)
    #expect(chosen(request()) == ["a"])
    scheduler.reserve(.mebibytes(64), on: NodeID(unchecked: "a"))
    #expect(chosen(request()) == [])
    // Facts may change while something is reserved.
    try add("a", memory: 128)
    #expect(chosen(request()) == ["a"])
    scheduler.release(.mebibytes(64), on: NodeID(unchecked: "a"))
    #expect(scheduler.free(on: NodeID(unchecked: "a")) == .mebibytes(128))
  }

  @Test mutating func `an explanation says why not`() throws {
    try add("a", [.riscv64], memory: 10)
    scheduler.setAvailability(.cordoned, of: NodeID(unchecked: "a"))
    scheduler.setBreaker(open: true, of: NodeID(unchecked: "a"))
    let rules = PlacementRules(
      architectures: [.x86_64], cpuFeatures: ["avx2"], hardware: ["gpu"],
      labels: [try Label("tier", "edge")], maximumLatency: .milliseconds(5))
    let verdict = try #require(scheduler.explain(request(rules), at: now).verdicts.first)
    #expect(
      verdict.rejections.map(\.code) == [
        .cordoned, .breakerOpen, .architecture, .cpuFeatures, .hardware, .labels, .memory,
        .distanceUnknown,
      ])
  }

  @Test mutating func `a decision expires`() throws {
    try add("a")
    let decision = scheduler.decide(request(), at: now)
    #expect(decision.expiresAt == now.wall + Scheduler.decisionValidity)
  }

  @Test func `sine and cosine are what they should be`() {
    let known: [(Double, Double, Double)] = [
      (0, 0, 1), (30, 0.5, 0.75.squareRoot()), (45, 0.5.squareRoot(), 0.5.squareRoot()),
      (90, 1, 0), (-90, -1, 0), (180, 0, -1), (-180, 0, -1), (150, 0.5, -0.75.squareRoot()),
      (-120, -0.75.squareRoot(), -0.5),
    ]
    for (degrees, sine, cosine) in known {
      let found = EarthPoint.sineAndCosine(degrees: degrees)
      #expect(abs(found.0 - sine) < 1e-14 && abs(found.1 - cosine) < 1e-14, "\(degrees)")
    }
  }
}
