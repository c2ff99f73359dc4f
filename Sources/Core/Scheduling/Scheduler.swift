public import ClusterModel

/// Decides which nodes run a module: filter, score, choose.
///
///     every node ──filter──> may run it ──score──> tier, total ──choose──> best, next, ... fallbacks
///                  │                                  ▲                        │
///                  └> rejected, with reasons          └── domains taken <──────┘
///
/// **Filter**: available, its breaker closed, not excluded; architecture (``CompatibilityMatrix``), CPU
/// features, hardware, labels; memory; near enough, when a longest latency is set.
///
/// **Score**: five factors, each from 0 to 1, and their mean by the weights of the deployment.
///
///     latency        10 ms / (10 ms + round trip from the origin), measured or estimated
///     distance       500 km / (500 km + distance from the origin)
///     resources      half the free share of memory after placing, half the idle share of the CPU
///     data locality  1 in a zone that holds the data (and in a preferred one), else 0
///     fault domain   1 / (1 + placements of it that are in the same fault domain)
///
/// Native code comes before portable whatever the total. **Ties** go to a node that holds the compiled
/// version, then to the smaller name.
///
/// **Choose**: the best first; each choice makes its fault domain worse for the next; fallbacks come
/// after the nodes that serve, by the same rule.
///
/// The answer is always exactly that of looking at every node for every choice.
///
/// How it does that without looking at all of them: for each set of rules it keeps what they make of
/// every node (``Prospects``) and the most that each of them, and each 16, 256 and 4096, can be worth
/// (``Ceilings``). One look passes over all whose ceiling is below the worst that is still wanted,
/// and over those that tie with it and have greater names (``Likenesses``), and evaluates the others
/// exactly (``Selection``). A change of one node changes its row of these.
public struct Scheduler: Sendable {
  var table = FleetTable()
  var prospects = ProspectsCache()
  var selection = Selection()

  /// Until when a decision may be acted on: loads are a heartbeat old, and change within seconds.
  public static let decisionValidity = Duration.seconds(5)

  public init() {}

  /// Adds a node, or replaces what is known of it; what is reserved on it stays reserved.
  public mutating func put(_ node: NodeProfile) {
    if let row = table.rows[node.id], table.profiles[row] == node { return }
    let row = table.put(node)
    prospects.update(row, table)
  }

  public mutating func remove(_ id: NodeID) {
    if let (row, last) = table.remove(id) { prospects.remove(row, last) }
  }

  public mutating func setAvailability(_ availability: NodeAvailability, of id: NodeID) {
    if let row = table.rows[id] { table.setAvailability(availability, row) }
  }

  /// `nil` for a node that is not known.
  public func availability(of id: NodeID) -> NodeAvailability? {
    table.rows[id].map { table.availability($0) }
  }

  public mutating func setBreaker(open: Bool, of id: NodeID) {
    if let row = table.rows[id] { table.setBreaker(open: open, row) }
  }

  public mutating func setLoad(_ load: NodeLoad, of id: NodeID) {
    if let row = table.rows[id] { table.setIdle(1 - load.cpuPercent / 100, row) }
  }

  /// A round trip was measured from a zone's gateway; `nil` forgets it.
  public mutating func setLatency(_ roundTrip: Duration?, from zone: Zone, to id: NodeID) {
    guard let row = table.rows[id] else { return }
    table.setMeasured(roundTrip.map(\.nanoseconds), from: zone, row)
    prospects.update(row, table, measuredFrom: zone)
  }

  /// The round trip from somewhere to a node: as it was measured from there, else as the distance lets
  /// expect; `nil` when nothing is known of it.
  public func roundTrip(from origin: NodeLocation, to id: NodeID) -> Duration? {
    guard let row = table.rows[id] else { return nil }
    return CompiledRules(PlacementRules(origin: origin), .native).latency(row, table)
      .map { .nanoseconds(Int64($0)) }
  }

  /// The same for somebody who asks.
  public func roundTrip(from place: CallerPlace, to id: NodeID) -> Duration? {
    guard let zone = place.zone else {
      guard let row = table.rows[id], let there = table.places[row],
        let here = place.coordinates.map(EarthPoint.init)
      else { return nil }
      return Proximity.latency(
        measured: nil, isSameZone: false, kilometres: Proximity.kilometres(here, there)
      ).map { .nanoseconds(Int64($0)) }
    }
    return roundTrip(
      from: NodeLocation(zone: zone, coordinates: place.coordinates), to: id)
  }

  public mutating func reserve(_ memory: ByteCount, on id: NodeID) {
    if let row = table.rows[id] { table.use(memory.bytes, row) }
  }

  public mutating func release(_ memory: ByteCount, on id: NodeID) {
    if let row = table.rows[id] { table.use(-memory.bytes, row) }
  }

  /// What is not reserved; `nil` for a node that is not known.
  public func free(on id: NodeID) -> ByteCount? {
    table.rows[id].map { ByteCount(bytes: table.free[$0]) }
  }

  /// Chooses nodes; fewer than were asked for when not enough may run it.
  public mutating func decide(_ request: PlacementRequest, at now: Instants) -> SchedulingDecision {
    let rules = choose(request)
    defer { selection.end() }
    return decision(request, rules, at: now)
  }

  /// Begins a selection, and chooses.
  ///
  /// - Returns: the rules it was done by; `nil` when nothing was asked for.
  mutating func choose(_ request: PlacementRequest) -> CompiledRules? {
    selection.begin(request, table)
    let rules = choose(request, .native)
    if CompatibilityMatrix.allowsPortable(request.rules.architectures) {
      _ = choose(request, .portable)
    }
    return rules
  }

  /// Chooses among the nodes that run it in one way, if there are not enough yet.
  private mutating func choose(
    _ request: PlacementRequest, _ fit: CompatibilityMatrix.Fit
  ) -> CompiledRules? {
    let count = max(0, request.replicas) + max(0, request.fallbacks)
    guard selection.chosen.count < count else { return nil }
    let index = prospects.index(of: request.rules, fit, table)
    selection.choose(upTo: count, table, &prospects.entries[index])
    return prospects.entries[index].rules
  }

  /// What was chosen.
  func decision(
    _ request: PlacementRequest, _ rules: CompiledRules?, at now: Instants
  ) -> SchedulingDecision {
    let replicas = min(max(0, request.replicas), selection.chosen.count)
    var factors = DecisionFactors()
    if let rules, let best = selection.chosen.first {
      factors = DecisionFactors(rules, best.row, best.domainScore, table, selection)
    }
    return SchedulingDecision(
      namespace: request.name.namespace, module: request.name.name,
      selectedNodes: names(0..<replicas),
      fallbackNodes: names(replicas..<selection.chosen.count), decisionFactors: factors,
      expiresAt: now.wall + Scheduler.decisionValidity)
  }

  private func names(_ places: Range<Int>) -> [NodeID] {
    var names: [NodeID] = []
    names.reserveCapacity(places.count)
    for place in places { names.append(table.ids[selection.chosen[place].row]) }
    return names
  }

  /// Decides one after the other; each reserves what it chose before the next is decided.
  public mutating func decide(
    batch: [PlacementRequest], at now: Instants
  ) -> [SchedulingDecision] {
    batch.map { request in
      let decision = decide(request, at: now)
      for node in decision.selectedNodes + decision.fallbackNodes {
        reserve(request.memory, on: node)
      }
      return decision
    }
  }
}

extension DecisionFactors {
  /// Those of a node, with a fault domain that is worth so much.
  init(
    _ rules: CompiledRules, _ row: Int, _ domainScore: Double,
    _ table: borrowing FleetTable, _ selection: borrowing Selection
  ) {
    self.init(
      proximityScore: rules.proximityScore(row, table),
      resourceScore: table.resourceScore(row, placing: selection.memory),
      dataLocalityScore: rules.locality(row, table), faultDomainScore: domainScore)
  }
}
