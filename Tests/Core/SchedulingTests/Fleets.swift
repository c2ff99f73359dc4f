import ClusterModel
import PropertyTesting

@testable import Scheduling

/// Random fleets and requests: small sets of values, so that ties and misses are common.
enum Fleets {
  static let ids = (0..<30).map { NodeID(unchecked: "n\($0)") }
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
    case decide(PlacementRequest)
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

  static let node = Generator<NodeProfile> { choices in
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
      id: Generator.element(of: ids).generate(&choices),
      location: location.generate(&choices), capabilities: capabilities)
  }

  static let request = Generator<PlacementRequest> { choices in
    let allowed: [[Architecture]] = [[], [.x86_64], [.aarch64, .portable], [.portable], []]
    let weights = [
      PlacementWeights.standard,
      try? PlacementWeights(
        latency: 0, distance: 0, resources: 0, dataLocality: 0, faultDomain: 1),
      try? PlacementWeights(
        latency: 1, distance: 0, resources: 0, dataLocality: 1, faultDomain: 0),
    ].compactMap { $0 }
    func rarely<Value>(_ generator: Generator<[Value]>) -> [Value] {
      choices.next(upTo: 3) == 3 ? generator.generate(&choices) : []
    }
    let nodes = Generator.element(of: ids).array(count: 0...4)
    return PlacementRequest(
      name: QualifiedName(.default, ModuleName(unchecked: "m")),
      rules: PlacementRules(
        architectures: Generator.element(of: allowed).generate(&choices),
        cpuFeatures: rarely(subset(of: features)), hardware: rarely(subset(of: ["gpu", "tpu"])),
        labels: rarely(subset(of: labels)),
        origin: choices.next(upTo: 2) == 0 ? nil : location.generate(&choices),
        maximumLatency: choices.next(upTo: 4) == 4
          ? .milliseconds(Int(choices.next(upTo: 100)) + 1) : nil,
        preferredZones: rarely(subset(of: zones)), dataZones: rarely(subset(of: zones)),
        weights: Generator.element(of: weights).generate(&choices)),
      memory: .mebibytes(Int(choices.next(upTo: 3)) * 32),
      replicas: Int(choices.next(upTo: 4)), fallbacks: Int(choices.next(upTo: 3)),
      excluded: rarely(nodes), companions: rarely(nodes), holders: rarely(nodes))
  }

  static let step = Generator<Step> { choices in
    let id = Generator.element(of: ids).generate(&choices)
    switch choices.next(upTo: 15) {
    case 0...6: return .put(node.generate(&choices))
    case 7: return .remove(id)
    case 8:
      return .availability(
        id, Generator.element(of: NodeAvailability.allCases).generate(&choices))
    case 9: return .breaker(id, choices.next(upTo: 1) == 1)
    case 10:
      let load = try? NodeLoad(
        cpuPercent: Double(choices.next(upTo: 4)) * 25, memoryPercent: 0, activeModules: 0)
      return .load(id, load ?? .idle)
    case 11:
      let zone = Generator.element(of: zones).generate(&choices)
      let latency = choices.next(upTo: 4)
      return .latency(id, zone, latency == 0 ? nil : .milliseconds(Int(latency) * 7))
    case 12: return .reserve(id, .mebibytes(Int(choices.next(upTo: 2)) * 32))
    case _: return .decide(request.generate(&choices))
    }
  }
}
