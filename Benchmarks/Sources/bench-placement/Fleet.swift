import ClusterModel
import Scheduling

/// Numbers that look random and are the same in every run: SplitMix64.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// What kind of fleet decisions are made for.
enum FleetKind: String, CaseIterable {
  /// Sites all over the world, nodes within kilometres of theirs; few are near an origin.
  case world
  /// All in one plant: every node is near, by measured times that differ by less than a millisecond.
  case plant
  /// A plant full of the same machines that do nothing, and nothing is known of the way to them: every
  /// node is as good as any other, and the smallest names win.
  case alike
}

/// Nodes, and the rules that deployments on them have.
struct Fleet {
  let profiles: [NodeProfile]
  /// CPU load at first, and rows that take nothing.
  let loads: [NodeLoad]
  let cordoned: [Int]
  let rules: [PlacementRules]
  /// By rules, by row: measured round trips in nanoseconds; empty when nothing was measured.
  let measured: [[Int64]]

  static let needed = "avx2"
  private static let origins = 4

  init(_ kind: FleetKind, count: Int) throws {
    var random = SplitMix(seed: UInt64(count))
    let sites = kind == .world ? 200 : 1
    let centres = try (0..<sites).map { _ in
      try Coordinates(
        latitude: .random(in: -60...70, using: &random),
        longitude: .random(in: -180...180, using: &random))
    }
    // Names in another order than rows.
    let names = Array(0..<count).shuffled(using: &random)
    profiles = try (0..<count).map { row in
      try Self.profile(kind, row, names[row], site: row % sites, centres, &random)
    }
    loads = try (0..<count).map { _ in
      try NodeLoad(
        cpuPercent: kind == .alike ? 0 : .random(in: 0...100, using: &random), memoryPercent: 0,
        activeModules: 0)
    }
    cordoned =
      kind == .alike ? [] : (0..<count).filter { _ in Int.random(in: 0..<32, using: &random) == 0 }
    var rules: [PlacementRules] = []
    var measured: [[Int64]] = []
    for number in 0..<Self.origins {
      let times =
        kind == .plant
        ? (0..<count).map { _ in Int64.random(in: 200_000...900_000, using: &random) } : []
      for isLocal in [false, true] {
        rules.append(try Self.rules(kind, number, isLocal, centres[number % sites]))
        measured.append(times)
      }
    }
    self.rules = rules
    self.measured = measured
  }

  private static func profile(
    _ kind: FleetKind, _ row: Int, _ name: Int, site: Int, _ centres: [Coordinates],
    _ random: inout SplitMix
  ) throws -> NodeProfile {
    let isAlike = kind == .alike
    let centre = centres[site]
    return NodeProfile(
      id: NodeID(unchecked: "node-\(String(name + 10_000_000))"),
      location: NodeLocation(
        zone: Zone(unchecked: "site-\(site)"),
        coordinates: try Coordinates(
          latitude: centre.latitude + .random(in: -0.2...0.2, using: &random),
          longitude: max(-180, min(180, centre.longitude + .random(in: -0.2...0.2, using: &random)))
        )),
      capabilities: try NodeCapabilities(
        architectures: isAlike || row % 4 != 0 ? [.x86_64, .portable] : [.aarch64, .portable],
        cpuFeatures: isAlike || row % 8 != 1 ? [needed, "sse4"] : ["sse4"],
        memory: .gibibytes(isAlike ? 16 : 1 << Int.random(in: 1...6, using: &random)), cpuCores: 8,
        labels: [try Label("serial", "s\(row)")],
        faultDomain: FaultDomain(
          unchecked: "rack-\(site)-\(row / centres.count % max(4, profilesPerSite / 40))")))
  }

  private static let profilesPerSite = 1000

  private static func rules(
    _ kind: FleetKind, _ number: Int, _ isLocal: Bool, _ place: Coordinates
  ) throws -> PlacementRules {
    PlacementRules(
      architectures: [.x86_64], cpuFeatures: [needed],
      origin: kind == .alike
        ? nil : NodeLocation(zone: Zone(unchecked: "gate-\(number)"), coordinates: place),
      dataZones: isLocal && kind == .world ? [Zone(unchecked: "site-\(number)")] : [],
      weights: isLocal
        ? .standard
        : try PlacementWeights(
          latency: 1, distance: 0.5, resources: 1, dataLocality: 0, faultDomain: 0.5))
  }

  /// A request of one of the rules, as after the death of one of two nodes.
  func request(_ rules: Int, _ random: inout SplitMix) -> PlacementRequest {
    func some() -> NodeID { profiles[Int.random(in: 0..<profiles.count, using: &random)].id }
    let companion = some()
    return PlacementRequest(
      name: QualifiedName(.default, ModuleName(unchecked: "module")), rules: self.rules[rules],
      memory: .mebibytes(64), replicas: Int.random(in: 1...2, using: &random), fallbacks: 1,
      excluded: [companion, some()], companions: [companion], holders: [some()])
  }

  func scheduler() -> Scheduler {
    var scheduler = Scheduler()
    for profile in profiles { scheduler.put(profile) }
    for (profile, load) in zip(profiles, loads) { scheduler.setLoad(load, of: profile.id) }
    for row in cordoned { scheduler.setAvailability(.cordoned, of: profiles[row].id) }
    for (rules, times) in zip(rules, measured) {
      guard let origin = rules.origin else { continue }
      for (row, time) in times.enumerated() {
        scheduler.setLatency(.nanoseconds(time), from: origin.zone, to: profiles[row].id)
      }
    }
    return scheduler
  }
}
