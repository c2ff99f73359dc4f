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

  func decide(_ request: PlacementRequest) -> (selected: [NodeID], fallbacks: [NodeID]) {
    var chosen: [NodeID] = []
    while chosen.count < request.replicas + request.fallbacks,
      let next = best(request, after: chosen)
    {
      chosen.append(next)
    }
    return (
      Array(chosen.prefix(request.replicas)), Array(chosen.dropFirst(request.replicas))
    )
  }

  private func best(_ request: PlacementRequest, after chosen: [NodeID]) -> NodeID? {
    let fit = rows.keys.filter { !chosen.contains($0) && mayRun(request, $0) }
    return fit.min { left, right in
      let a = rank(request, left, chosen)
      let b = rank(request, right, chosen)
      if a.portable != b.portable { return !a.portable }
      if a.total != b.total { return a.total > b.total }
      if a.holds != b.holds { return a.holds }
      return left < right
    }
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
      request.memory.bytes <= node.memory.bytes - row.reserved
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
    _ request: PlacementRequest, _ id: NodeID, _ chosen: [NodeID]
  ) -> (portable: Bool, total: Double, holds: Bool) {
    guard let row = rows[id] else { return (true, 0, false) }
    let rules = request.rules
    let node = row.profile.capabilities
    let native = node.architectures.contains {
      $0 != .portable && (rules.architectures.isEmpty || rules.architectures.contains($0))
    }
    let memory =
      node.memory.bytes > 0
      ? Double(node.memory.bytes - row.reserved - request.memory.bytes)
        * (1 / Double(node.memory.bytes)) : 0
    let resources = (memory + (1 - row.load.cpuPercent / 100)) / 2
    let together = (request.companions + chosen).filter { domain($0) == domain(id) }.count
    let spread = 1 / Double(1 + together)
    let weights = rules.weights
    // Not divided by the sum of the weights, which is the same for all.
    let total =
      weights.latency * Proximity.latencyScore(latency(request, row))
      + weights.distance * Proximity.distanceScore(kilometres(request, row))
      + weights.dataLocality * locality(rules, row) + weights.resources * resources
      + weights.faultDomain * spread
    return (!native, total, request.holders.contains(id))
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
