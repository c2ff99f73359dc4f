import CPlacementScan
import ClusterModel
import Scheduling

/// The C program's columns of a fleet, and its decisions. Rows are those of the fleet.
final class CScan {
  private var fleet = scan_fleet()
  private(set) var rules: [scan_rules] = []
  private let rows: [NodeID: Int32]
  private let zones: [Zone: Int32]
  private let source: Fleet

  init(_ source: Fleet) {
    self.source = source
    let count = source.profiles.count
    rows = Dictionary(uniqueKeysWithValues: source.profiles.enumerated().map { ($1.id, Int32($0)) })
    var zones: [Zone: Int32] = [:]
    var domains: [FaultDomain: Int32] = [:]
    fleet.count = Int32(count)
    fleet.latitude = column(count) { source.profiles[$0].location.coordinates?.latitude ?? .nan }
    fleet.longitude = column(count) { source.profiles[$0].location.coordinates?.longitude ?? .nan }
    fleet.x = column(count) { _ in 0 }
    fleet.y = column(count) { _ in 0 }
    fleet.z = column(count) { _ in 0 }
    fleet.zone = column(count) { Self.number(source.profiles[$0].location.zone, &zones) }
    fleet.domain = column(count) { row in
      guard let domain = source.profiles[row].capabilities.faultDomain else { return 0 }
      return Self.number(domain, &domains)
    }
    fleet.domain_count = Int32(domains.count)
    fleet.offers = column(count) { row in
      let offer = source.profiles[row].capabilities
      return (offer.architectures.contains(.x86_64) ? 1 : 0)
        | (offer.cpuFeatures.contains(Fleet.needed) ? 2 : 0)
    }
    fleet.memory = column(count) { Int64(source.profiles[$0].capabilities.memory.bytes) }
    fleet.free = column(count) { Int64(source.profiles[$0].capabilities.memory.bytes) }
    fleet.per_byte = column(count) { 1 / Double(source.profiles[$0].capabilities.memory.bytes) }
    fleet.idle = column(count) { 1 - source.loads[$0].cpuPercent / 100 }
    let cordoned = Set(source.cordoned)
    fleet.closed = column(count) { cordoned.contains($0) ? 1 : 0 }
    let byName = source.profiles.indices.sorted { source.profiles[$0].id < source.profiles[$1].id }
    fleet.name_rank = column(count) { _ in 0 }
    for (rank, row) in byName.enumerated() { fleet.name_rank[row] = Int32(rank) }
    fleet.marks = column(count) { _ in 0 }
    fleet.placements = column(count) { _ in 0 }
    self.zones = zones
    scan_place(&fleet)
    for index in source.rules.indices {
      rules.append(prepare(source.rules[index], source.measured[index]))
    }
  }

  deinit {
    for rules in rules { release(rules) }
    fleet.latitude.deallocate()
    fleet.longitude.deallocate()
    fleet.x.deallocate()
    fleet.y.deallocate()
    fleet.z.deallocate()
    fleet.zone.deallocate()
    fleet.domain.deallocate()
    fleet.offers.deallocate()
    fleet.memory.deallocate()
    fleet.free.deallocate()
    fleet.per_byte.deallocate()
    fleet.idle.deallocate()
    fleet.closed.deallocate()
    fleet.name_rank.deallocate()
    fleet.marks.deallocate()
    fleet.placements.deallocate()
  }

  private static func number<Value: Hashable>(_ value: Value, _ known: inout [Value: Int32])
    -> Int32
  {
    if let number = known[value] { return number }
    let number = Int32(known.count)
    known[value] = number
    return number
  }

  /// The columns of rules that were not asked for before.
  func prepare(_ rules: PlacementRules, _ measured: [Int64]) -> scan_rules {
    let count = Int(fleet.count)
    let weights = rules.weights
    var prepared = scan_rules()
    prepared.weights = scan_weights(
      latency: weights.latency, distance: weights.distance, resources: weights.resources,
      data_locality: weights.dataLocality, fault_domain: weights.faultDomain)
    prepared.latitude = rules.origin?.coordinates?.latitude ?? .nan
    prepared.longitude = rules.origin?.coordinates?.longitude ?? .nan
    prepared.zone = rules.origin.flatMap { zones[$0.zone] } ?? -1
    prepared.data_zone = rules.dataZones.first.flatMap { zones[$0] } ?? -1
    prepared.needs = 3
    prepared.measured = measured.isEmpty ? nil : UnsafePointer(column(count) { measured[$0] })
    prepared.standing = column(count) { _ in 0 }
    prepared.proximity = column(count) { _ in 0 }
    scan_prepare(&fleet, &prepared)
    return prepared
  }

  func release(_ rules: scan_rules) {
    rules.measured?.deallocate()
    rules.standing.deallocate()
    rules.proximity.deallocate()
  }

  func setIdle(_ share: Double, _ row: Int) { fleet.idle[row] = share }
  func setClosed(_ isClosed: Bool, _ row: Int) { fleet.closed[row] = isClosed ? 1 : 0 }
  func reserve(_ bytes: Int64, _ row: Int32) { fleet.free[Int(row)] -= bytes }

  /// A request by rows.
  final class Request {
    fileprivate var request = scan_request()
    private let nodes: UnsafeMutablePointer<Int32>
    let bytes: Int64

    init(_ request: PlacementRequest, _ scan: CScan) {
      let lists = [request.excluded, request.companions, request.holders]
      let rows = lists.joined().compactMap { scan.rows[$0] }
      nodes = column(rows.count) { rows[$0] }
      bytes = Int64(request.memory.bytes)
      self.request.memory = bytes
      self.request.wanted = Int32(request.replicas + request.fallbacks)
      self.request.excluded = UnsafePointer(nodes)
      self.request.excluded_count = Int32(request.excluded.count)
      self.request.companions = UnsafePointer(nodes + request.excluded.count)
      self.request.companion_count = Int32(request.companions.count)
      self.request.holders = UnsafePointer(
        nodes + request.excluded.count + request.companions.count)
      self.request.holder_count = Int32(request.holders.count)
    }

    deinit { nodes.deallocate() }
  }

  func decide(_ rules: Int, _ request: Request, _ decision: inout scan_decision) {
    withUnsafePointer(to: self.rules[rules]) {
      scan_decide(&fleet, $0, &request.request, &decision)
    }
  }

  func decide(_ rules: scan_rules, _ request: Request, _ decision: inout scan_decision) {
    withUnsafePointer(to: rules) { scan_decide(&fleet, $0, &request.request, &decision) }
  }

  /// Whether a decision is the same as one of the scheduler.
  func agrees(_ decision: scan_decision, _ other: SchedulingDecision) -> Bool {
    let rows = withUnsafeBytes(of: decision.rows) {
      Array($0.bindMemory(to: Int32.self).prefix(Int(decision.count)))
    }
    let factors = DecisionFactors(
      proximityScore: decision.proximity_score, resourceScore: decision.resource_score,
      dataLocalityScore: decision.data_locality_score,
      faultDomainScore: decision.fault_domain_score)
    return rows.map { source.profiles[Int($0)].id } == other.selectedNodes + other.fallbackNodes
      && (rows.isEmpty || factors == other.decisionFactors)
  }

  func rows(_ decision: scan_decision) -> [Int32] {
    withUnsafeBytes(of: decision.rows) {
      Array($0.bindMemory(to: Int32.self).prefix(Int(decision.count)))
    }
  }
}

private func column<Value>(_ count: Int, _ value: (Int) -> Value) -> UnsafeMutablePointer<Value> {
  let column = UnsafeMutablePointer<Value>.allocate(capacity: max(1, count))
  for index in 0..<count { (column + index).initialize(to: value(index)) }
  return column
}
