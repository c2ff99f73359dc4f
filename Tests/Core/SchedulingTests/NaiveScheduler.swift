import ClusterModel

@testable import Scheduling

/// The rules of the scheduler, written as simply as they are said: every node is looked at for every
/// choice, nothing is remembered.
struct NaiveScheduler {
  struct Row {
    var profile: NodeProfile
    var availability = NodeAvailability.available
    var isBroken = false
    var load = NodeLoad.idle
    var reserved = 0
    var latencies: [Zone: Duration] = [:]
  }

  var rows: [NodeID: Row] = [:]

  func decide(_ request: PlacementRequest) -> [NodeID] {
    var chosen: [NodeID] = []
    while chosen.count < request.replicas + request.fallbacks,
      let next = candidates(request, after: chosen).min(by: Self.precedes)
    {
      chosen.append(next.id)
    }
    return chosen
  }

  /// A node that may run it, as things are after some choices.
  struct Rank {
    let id: NodeID
    let isPortable: Bool
    let total: Double
    let factors: DecisionFactors
    let isHolder: Bool
  }

  /// All that may run it and were not chosen, best first.
  func ranking(_ request: PlacementRequest, after chosen: [NodeID]) -> [Rank] {
    candidates(request, after: chosen).sorted(by: Self.precedes)
  }

  private func candidates(_ request: PlacementRequest, after chosen: [NodeID]) -> [Rank] {
    var placements: [String: Int] = [:]
    for id in request.companions + chosen { placements[domain(id), default: 0] += 1 }
    return rows.keys.filter { !chosen.contains($0) && mayRun(request, $0) }
      .compactMap { rank(request, $0, placements) }
  }

  private static func precedes(_ left: Rank, _ right: Rank) -> Bool {
    if left.isPortable != right.isPortable { return !left.isPortable }
    if left.total != right.total { return left.total > right.total }
    if left.isHolder != right.isHolder { return left.isHolder }
    return left.id < right.id
  }

  func mayRun(_ request: PlacementRequest, _ id: NodeID) -> Bool {
    guard let row = rows[id] else { return false }
    let node = row.profile.capabilities
    let rules = request.rules
    let allowed = rules.architectures.isEmpty ? Architecture.allCases : rules.architectures
    guard row.availability == .available, !row.isBroken, !request.excluded.contains(id),
      allowed.contains(where: node.architectures.contains),
      Set(rules.cpuFeatures).isSubset(of: node.cpuFeatures),
      Set(rules.hardware).isSubset(of: node.specializedHardware),
      Set(rules.labels).isSubset(of: node.labels),
      max(0, request.memory.bytes) <= node.memory.bytes - row.reserved
    else { return false }
    guard let longest = rules.maximumLatency else { return true }
    guard let latency = latency(request, row) else { return false }
    return latency <= Double(longest.nanoseconds)
  }

  private func kilometres(_ request: PlacementRequest, _ row: Row) -> Double? {
    guard let from = request.rules.origin?.coordinates,
      let to = row.profile.location.coordinates
    else { return nil }
    return Proximity.kilometres(EarthPoint(from), EarthPoint(to))
  }

  private func latency(_ request: PlacementRequest, _ row: Row) -> Double? {
    guard let origin = request.rules.origin else { return nil }
    return Proximity.latency(
      measured: row.latencies[origin.zone]?.nanoseconds,
      isSameZone: origin.zone == row.profile.location.zone, kilometres: kilometres(request, row))
  }

  private func rank(
    _ request: PlacementRequest, _ id: NodeID, _ placements: [String: Int]
  ) -> Rank? {
    guard let row = rows[id] else { return nil }
    let rules = request.rules
    let node = row.profile.capabilities
    let isNative = node.architectures.contains {
      $0 != .portable && (rules.architectures.isEmpty || rules.architectures.contains($0))
    }
    let memory =
      node.memory.bytes > 0
      ? Double(node.memory.bytes - row.reserved - max(0, request.memory.bytes))
        * (1 / Double(node.memory.bytes)) : 0
    let resources = (memory + (1 - row.load.cpuPercent / 100)) / 2
    let spread = 1 / Double(1 + placements[domain(id), default: 0])
    let weights = rules.weights
    let proximity =
      weights.latency * Proximity.latencyScore(latency(request, row))
      + weights.distance * Proximity.distanceScore(kilometres(request, row))
    let both = weights.latency + weights.distance
    // Not divided by the sum of the weights, which is the same for all.
    let total =
      proximity + weights.dataLocality * locality(rules, row) + weights.resources * resources
      + weights.faultDomain * spread
    return Rank(
      id: id, isPortable: !isNative, total: total,
      factors: DecisionFactors(
        proximityScore: both > 0 ? proximity / both : 0, resourceScore: resources,
        dataLocalityScore: locality(rules, row), faultDomainScore: spread),
      isHolder: request.holders.contains(id))
  }

  private func locality(_ rules: PlacementRules, _ row: Row) -> Double {
    let wanted = [rules.dataZones, rules.preferredZones].filter { !$0.isEmpty }
    guard !wanted.isEmpty else { return 1 }
    var score = 0.0
    for zones in wanted where zones.contains(row.profile.location.zone) {
      score += 1 / Double(wanted.count)
    }
    return score
  }

  private func domain(_ id: NodeID) -> String {
    rows[id]?.profile.capabilities.faultDomain?.text ?? "/\(id)"
  }
}
