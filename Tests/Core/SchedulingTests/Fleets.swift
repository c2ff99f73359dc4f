import ClusterModel
import PropertyTesting

@testable import Scheduling

/// Random fleets and requests: small sets of values, so that ties and misses are common.
enum Fleets {
  /// Some are the same in their first 16 bytes, and longer.
  static let ids = (0..<300).map { number in
    NodeID(unchecked: number % 3 == 2 ? "node-of-plant-seven-\(number)" : "n\(number)")
  }
  static let zones = ["east", "west", "sea"].map { Zone(unchecked: $0) }
  private static let features = ["avx2", "sse4", "neon"]

  /// Something that is done to a fleet.
  enum Step {
    case put(NodeProfile)
    case remove(NodeID)
    case availability(NodeID, NodeAvailability)
    case breaker(NodeID, Bool)
    case load(NodeID, NodeLoad)
    case latency(NodeID, Zone, Duration?)
    case reserve(NodeID, ByteCount)
    case release(NodeID, ByteCount)
    /// With the rules of this number.
    case decide(Int, PlacementRequest)
    case batch(Int, [PlacementRequest])
  }

  /// A history, and the rules that are used again and again in it.
  struct History {
    let rules: [PlacementRules]
    let steps: [Step]

    func request(_ number: Int, _ request: PlacementRequest) -> PlacementRequest {
      var request = request
      if !rules.isEmpty { request.rules = rules[number % rules.count] }
      return request
    }
  }

  /// Few nodes, so that they are met again and again, and more rules than are remembered.
  static let history = zip(rules.array(count: 0...24), step(among: 30).array(count: 0...120)).map {
    History(rules: $0, steps: $1)
  }

  /// So many nodes that they fill several blocks and groups, then changes and decisions.
  static let largeHistory = Generator<History> { choices in
    let count = Generator<Int>.int(in: 0...300).generate(&choices)
    let kinds = node(among: 300).array(count: 1...12).generate(&choices)
    let puts = ids.prefix(count).enumerated().map { index, id in
      var node = kinds[index % kinds.count]
      node.id = id
      return Step.put(node)
    }
    let changes = step(among: max(1, count)).array(count: 0...30).generate(&choices)
    return History(rules: rules.array(count: 1...2).generate(&choices), steps: puts + changes)
  }

  static let place = Generator<Coordinates?> { choices in
    let degrees = [(0.0, 0.0), (0, 10), (50, 10), (-80, 179), (90, 0), (50, -10)]
    let index = Int(choices.next(upTo: UInt64(degrees.count)))
    return index < degrees.count
      ? try? Coordinates(latitude: degrees[index].0, longitude: degrees[index].1) : nil
  }

  static let location = zip(Generator.element(of: zones), place).map {
    NodeLocation(zone: $0, coordinates: $1)
  }

  static func subset<Value>(of values: [Value]) -> Generator<[Value]> {
    Generator { choices in
      let bits = choices.next(upTo: UInt64(1 << values.count) - 1)
      return values.indices.filter { bits >> UInt64($0) & 1 == 1 }.map { values[$0] }
    }
  }

  static let labels: [Label] = [("tier", "edge"), ("tier2", "core")].compactMap {
    try? Label($0.0, $0.1)
  }

  /// Every domain has placements already, some of them more.
  static let crowdedHistory = Generator<History> { choices in
    let history = largeHistory.generate(&choices)
    let companions = Generator { id(among: 40, &$0) }.array(count: 2...9).generate(&choices)
    let steps = history.steps.map { step in
      switch step {
      case .put(var node):
        let kind = node.capabilities.memory < .mebibytes(128) ? "a" : "b"
        node.capabilities.faultDomain = FaultDomain(unchecked: kind)
        return Step.put(node)
      case .decide(let number, var request):
        request.companions = companions
        return .decide(number, request)
      default: return step
      }
    }
    return History(rules: history.rules, steps: steps)
  }

  /// - Parameter count: how many names there are.
  static func node(among count: Int) -> Generator<NodeProfile> {
    Generator { node(among: count, &$0) }
  }

  private static func node(among count: Int, _ choices: inout Choices) -> NodeProfile {
    let architectures: [[Architecture]] = [
      [.x86_64], [.x86_64, .portable], [.aarch64, .portable], [.portable], [.riscv64],
    ]
    let domains: [FaultDomain?] = [
      nil, nil, FaultDomain(unchecked: "a"), FaultDomain(unchecked: "b"),
    ]
    guard
      let capabilities = try? NodeCapabilities(
        architectures: Generator.element(of: architectures).generate(&choices),
        cpuFeatures: subset(of: features).generate(&choices),
        memory: .mebibytes(Int(choices.next(upTo: 4)) * 64), cpuCores: 1,
        specializedHardware: subset(of: ["gpu"]).generate(&choices),
        labels: subset(of: labels).generate(&choices),
        faultDomain: Generator.element(of: domains).generate(&choices))
    else { preconditionFailure("what is generated is valid") }
    return NodeProfile(
      id: id(among: count, &choices),
      location: location.generate(&choices), capabilities: capabilities)
  }

  private static func id(among count: Int, _ choices: inout Choices) -> NodeID {
    ids[Int(choices.next(upTo: UInt64(count - 1)))]
  }

  private static func rarely<Value>(
    _ generator: Generator<[Value]>, _ choices: inout Choices
  ) -> [Value] {
    choices.next(upTo: 3) == 3 ? generator.generate(&choices) : []
  }

  /// Among them some that make one factor all that counts, or next to nothing.
  private static let weights: [PlacementWeights] = [
    .standard,
    try? PlacementWeights(latency: 0, distance: 0, resources: 0, dataLocality: 0, faultDomain: 1),
    try? PlacementWeights(latency: 1, distance: 0, resources: 0, dataLocality: 1, faultDomain: 0),
    try? PlacementWeights(latency: 0, distance: 0, resources: 3, dataLocality: 0, faultDomain: 0),
    try? PlacementWeights(
      latency: 1e-9, distance: 1e-9, resources: 1e-300, dataLocality: 0, faultDomain: 1000),
    try? PlacementWeights(
      latency: 0, distance: 1000, resources: 1e-6, dataLocality: 1e-12, faultDomain: 1e-9),
  ].compactMap { $0 }

  /// Some are exactly what is measured.
  private static let latencies: [Duration] = [1, 7, 14, 21, 60, 100].map { .milliseconds($0) }

  static let rules = Generator<PlacementRules> { choices in
    let allowed: [[Architecture]] = [[], [.x86_64], [.aarch64, .portable], [.portable], []]
    return PlacementRules(
      architectures: Generator.element(of: allowed).generate(&choices),
      cpuFeatures: rarely(subset(of: features), &choices),
      hardware: rarely(subset(of: ["gpu", "tpu"]), &choices),
      labels: rarely(subset(of: labels), &choices),
      origin: choices.next(upTo: 2) == 0 ? nil : location.generate(&choices),
      maximumLatency: choices.next(upTo: 4) == 4
        ? Generator.element(of: latencies).generate(&choices) : nil,
      preferredZones: rarely(subset(of: zones), &choices),
      dataZones: rarely(subset(of: zones), &choices),
      weights: Generator.element(of: weights).generate(&choices))
  }

  static func request(among count: Int) -> Generator<PlacementRequest> {
    Generator { choices in
      let nodes = Generator { id(among: count, &$0) }.array(count: 0...4)
      // Now and then more than one look at the nodes brings.
      let most: UInt64 = choices.next(upTo: 9) == 9 ? 40 : 4
      return PlacementRequest(
        name: QualifiedName(.default, ModuleName(unchecked: "m")), rules: rules.generate(&choices),
        memory: .mebibytes((Int(choices.next(upTo: 4)) - 1) * 32),
        replicas: Int(choices.next(upTo: most)), fallbacks: Int(choices.next(upTo: 3)),
        excluded: rarely(nodes, &choices), companions: rarely(nodes, &choices),
        holders: rarely(nodes, &choices))
    }
  }

  static func step(among count: Int) -> Generator<Step> {
    Generator { step(among: count, &$0) }
  }

  private static func step(among count: Int, _ choices: inout Choices) -> Step {
    let id = id(among: count, &choices)
    switch choices.next(upTo: 18) {
    case 0...6: return .put(node(among: count).generate(&choices))
    case 7: return .remove(id)
    case 8:
      return .availability(
        id, Generator.element(of: NodeAvailability.allCases).generate(&choices))
    case 9: return .breaker(id, choices.next(upTo: 1) == 1)
    case 10, 11:
      let load = try? NodeLoad(
        cpuPercent: Double(choices.next(upTo: 8)) * 12.5, memoryPercent: 0, activeModules: 0)
      return .load(id, load ?? .idle)
    case 12:
      let zone = Generator.element(of: zones).generate(&choices)
      // Clocks may go back between two ends of a measurement.
      let latency = Int(choices.next(upTo: 5)) - 1
      return .latency(id, zone, latency == 0 ? nil : .milliseconds(latency * 7))
    case 13: return .reserve(id, .mebibytes(Int(choices.next(upTo: 2)) * 32))
    case 14: return .release(id, .mebibytes(Int(choices.next(upTo: 2)) * 32))
    case 15:
      return .batch(
        Int(choices.next(upTo: 23)), request(among: count).array(count: 0...3).generate(&choices))
    case _:
      return .decide(Int(choices.next(upTo: 23)), request(among: count).generate(&choices))
    }
  }
}
