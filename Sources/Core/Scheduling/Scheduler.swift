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
public struct Scheduler: Sendable {
  var table = FleetTable()
  /// Proximity of all nodes to origins that were asked for lately.
  var origins = OriginCache()

  /// Until when a decision may be acted on: loads are a heartbeat old, and change within seconds.
  public static let decisionValidity = Duration.seconds(5)

  public init() {}

  /// Adds a node, or replaces what is known of it; what is reserved on it stays reserved.
  public mutating func put(_ node: NodeProfile) {
    if let row = table.rows[node.id], table.profiles[row] == node { return }
    table.put(node)
    origins.forgetAll()
  }

  public mutating func remove(_ id: NodeID) {
    if table.remove(id) != nil { origins.forgetAll() }
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
    table.setMeasured(roundTrip.map(\.nanoseconds), from: zone, id)
    origins.update(row, table, measuredFrom: zone)
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
    let origin = origins.index(of: request.rules.origin, table)
    return Selection(request, table, origins.columns(origin)).decision(at: now)
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

  /// The decision with every node's verdict: why these, and why not each other.
  public func explain(_ request: PlacementRequest, at now: Instants) -> PlacementExplanation {
    var copy = self
    let origin = copy.origins.index(of: request.rules.origin, table)
    return Selection(request, table, copy.origins.columns(origin)).explanation(at: now)
  }
}
