import ClusterModel

/// One decision under way: the request in terms of the table, and what was chosen so far.
struct Selection {
  let request: PlacementRequest
  let table: FleetTable
  let origin: OriginColumns
  private let allowed: UInt8
  private let facts: [(word: Int, bits: UInt64)]?
  private let longest: Double
  private let weights: PlacementWeights
  private let weightSum: Double
  /// By zone: how well it lies to the data; empty when that does not matter.
  private let locality: ContiguousArray<Double>
  private var taken: Set<Int>
  private let holders: Set<Int>
  /// Placements by fault domain, those that are chosen counted.
  private var inDomain: [Int32: Int]
  private(set) var chosen: [Candidate] = []

  /// How many candidates one look at all nodes brings: enough that most decisions need one look.
  private static let shortlist = 24

  /// A node that may run it.
  struct Candidate {
    let row: Int
    let fit: CompatibilityMatrix.Fit
    let total: Double
    let isHolder: Bool
  }

  init(_ request: PlacementRequest, _ table: FleetTable, _ origin: OriginColumns) {
    self.request = request
    self.table = table
    self.origin = origin
    let rules = request.rules
    allowed = CompatibilityMatrix.mask(rules.architectures)
    facts = table.mask(of: rules)
    longest = rules.maximumLatency.map { Double($0.nanoseconds) } ?? .infinity
    weights = rules.weights
    weightSum =
      weights.latency + weights.distance + weights.resources + weights.dataLocality
      + weights.faultDomain
    locality = Self.locality(rules, table)
    taken = Set(request.excluded.compactMap { table.rows[$0] })
    holders = Set(request.holders.compactMap { table.rows[$0] })
    inDomain = [:]
    for row in request.companions.compactMap({ table.rows[$0] }) {
      inDomain[table.domains[row], default: 0] += 1
    }
  }

  private static func locality(
    _ rules: PlacementRules, _ table: FleetTable
  ) -> ContiguousArray<Double> {
    guard !rules.dataZones.isEmpty || !rules.preferredZones.isEmpty else { return [] }
    var scores = ContiguousArray(repeating: 0.0, count: table.zoneIndex.count)
    let wanted = [rules.dataZones, rules.preferredZones].filter { !$0.isEmpty }
    for zones in wanted {
      for zone in zones {
        if let index = table.zoneIndex[zone] { scores[Int(index)] += 1 / Double(wanted.count) }
      }
    }
    return scores
  }

  /// The score of data locality; 1 where it does not matter.
  func localityScore(_ row: Int) -> Double {
    locality.isEmpty ? 1 : locality[Int(table.zones[row])]
  }

  func resourceScore(_ row: Int) -> Double {
    let left = Double(table.free[row] - request.memory.bytes) * table.perByte[row]
    return (left + table.idle[row]) / 2
  }

  func domainScore(_ row: Int) -> Double {
    1 / Double(1 + (inDomain[table.domains[row]] ?? 0))
  }

  /// The mean of all factors by their weights.
  @inline(__always)
  private func total(_ row: Int, domainScore: Double) -> Double {
    (weights.latency * origin.latencyScore[row] + weights.distance * origin.distanceScore[row]
      + weights.resources * resourceScore(row) + weights.dataLocality * localityScore(row)
      + weights.faultDomain * domainScore) / weightSum
  }

  func candidate(_ row: Int) -> Candidate {
    Candidate(
      row: row, fit: CompatibilityMatrix.fit(allowed, table.architectures[row]),
      total: total(row, domainScore: domainScore(row)), isHolder: holders.contains(row))
  }

  /// Whether one comes before another.
  func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
    if left.fit != right.fit { return left.fit < right.fit }
    if left.total != right.total { return left.total > right.total }
    if left.isHolder != right.isHolder { return left.isHolder }
    return table.ids[left.row] < table.ids[right.row]
  }

  /// Whether a node may run it, all but what was chosen or excluded.
  @inline(__always)
  private func passes(_ row: Int) -> Bool {
    guard table.closed[row] == 0, table.free[row] >= request.memory.bytes,
      CompatibilityMatrix.fit(allowed, table.architectures[row]) != .none, let facts
    else { return false }
    for fact in facts where table.facts[row * table.words + fact.word] & fact.bits != fact.bits {
      return false
    }
    guard longest < .infinity else { return true }
    let latency = origin.latency[row]
    return latency >= 0 && latency <= longest
  }

  /// The best of all nodes as things are, best first; not more than the shortlist.
  private func shortlist() -> [Candidate] {
    var best: [Candidate] = []
    best.reserveCapacity(Self.shortlist + 1)
    for row in 0..<table.count where passes(row) {
      if best.count == Self.shortlist, let worst = best.last {
        // At its best it would not come in: most nodes end here.
        let fit = CompatibilityMatrix.fit(allowed, table.architectures[row])
        if fit > worst.fit { continue }
        if fit == worst.fit, total(row, domainScore: 1) < worst.total { continue }
      }
      guard !taken.contains(row) else { continue }
      let new = candidate(row)
      if best.count == Self.shortlist, let worst = best.last, !precedes(new, worst) { continue }
      let place = best.firstIndex { precedes(new, $0) } ?? best.endIndex
      best.insert(new, at: place)
      if best.count > Self.shortlist { best.removeLast() }
    }
    return best
  }

  /// Chooses up to so many nodes, best first.
  private mutating func choose(_ count: Int) {
    var list: [Candidate] = []
    var bound: Candidate?
    while chosen.count < count {
      // Domains that were taken meanwhile make some worse, and none better.
      let now = list.map { candidate($0.row) }
      if let next = now.min(by: precedes), bound.map({ precedes(next, $0) }) ?? true {
        take(next)
        list.removeAll { $0.row == next.row }
        continue
      }
      let fresh = shortlist()
      guard let first = fresh.first else { return }
      take(first)
      list = Array(fresh.dropFirst())
      // Whatever is not on the list is not better than the last on it.
      bound = fresh.count == Self.shortlist ? fresh.last : nil
      if bound == nil, list.isEmpty { return }
    }
  }

  private mutating func take(_ candidate: Candidate) {
    chosen.append(candidate)
    mark(candidate)
  }

  /// It is not there for the next choice, and its domain is worse for it.
  mutating func mark(_ candidate: Candidate) {
    taken.insert(candidate.row)
    inDomain[table.domains[candidate.row], default: 0] += 1
  }

  /// Chooses the nodes, and says so.
  func decision(at now: Instants) -> SchedulingDecision {
    var selection = self
    return selection.decide(at: now)
  }

  mutating func decide(at now: Instants) -> SchedulingDecision {
    let best = request.replicas + request.fallbacks > 0 ? firstFactors() : DecisionFactors()
    choose(request.replicas + request.fallbacks)
    let names = chosen.map { table.ids[$0.row] }
    return SchedulingDecision(
      namespace: request.name.namespace, module: request.name.name,
      selectedNodes: Array(names.prefix(request.replicas)),
      fallbackNodes: Array(names.dropFirst(request.replicas)), decisionFactors: best,
      expiresAt: now.wall + Scheduler.decisionValidity)
  }

  /// The factors of the first that is chosen, as they are before anything is.
  private func firstFactors() -> DecisionFactors {
    var probe = self
    probe.choose(1)
    return probe.chosen.first.map { factors($0.row) } ?? DecisionFactors()
  }

  func factors(_ row: Int) -> DecisionFactors {
    let proximityWeight = weights.latency + weights.distance
    return DecisionFactors(
      proximityScore: proximityWeight > 0
        ? (weights.latency * origin.latencyScore[row]
          + weights.distance * origin.distanceScore[row]) / proximityWeight : 0,
      resourceScore: resourceScore(row), dataLocalityScore: localityScore(row),
      faultDomainScore: domainScore(row))
  }
}
