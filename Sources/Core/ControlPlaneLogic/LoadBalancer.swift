import ClusterModel

/// Remembers what runs where, and chooses where the next runs.
///
/// A placement is as good as its latency, measured here and smoothed, times what its node would then have
/// to do: the nearest gets everything until so much runs there that the next one is better. A latency
/// that is worse than what was known counts at once, one that is better bit by bit (peak EWMA); from where
/// nothing comes back it is at least as long as that lasts. What is not used is thought better of with
/// time, so that whoever was slow is tried again.
struct LoadBalancer: Sendable {
  /// Whether a node may be sent something.
  enum Fitness: Hashable, Sendable {
    case fit
    /// Its breaker is half open and nothing runs there: the next tells whether it works again.
    case onTrial
    /// Only when there is nothing better.
    case doubtful
    case unfit
  }

  /// Something that runs.
  private struct Run: Sendable {
    let route: Route
    let began: MonotonicInstant
  }

  /// Differences below this are none: what runs already decides. Also what is assumed of a placement of
  /// which nothing is known. Nanoseconds.
  static let leastLatency = Double(Duration.microseconds(500).nanoseconds)
  /// What is assumed of the way from a caller to a node when nothing is known of it: what placement takes
  /// for neither good nor bad. Nanoseconds.
  static let unknownWay = Double(Duration.milliseconds(10).nanoseconds)
  /// After this what is known of a latency counts half.
  static let halfLife = Duration.seconds(5)
  /// Among so few all are looked at; among more, two that are drawn.
  static let fewNodes = 8
  /// Draws until two that are fit were found; with fewer all are looked at.
  private static let draws = 8

  private var deliveryRuns: [DeliveryID: Run] = [:]
  private var invocationRuns: [RequestID: Run] = [:]
  private var running: [NodeID: Int] = [:]
  /// Of what serves right now; forgotten with it.
  private var meters: [NodeID: [PlacementID: LatencyMeter]] = [:]

  func route(of delivery: DeliveryID) -> Route? { deliveryRuns[delivery]?.route }
  func route(of request: RequestID) -> Route? { invocationRuns[request]?.route }
  func running(on node: NodeID) -> Int { running[node] ?? 0 }
  var isIdle: Bool { deliveryRuns.isEmpty && invocationRuns.isEmpty }

  // Choosing.

  /// The best of the nodes that serve a placement; ties break by their order.
  ///
  /// - Parameters:
  ///   - estimate: the round trip to a node of which nothing was measured; `nil` when unknown.
  ///   - way: the round trip from a caller who says where that is; `nil` for one who does not.
  ///   - fitness: asked once for each node that is looked at.
  func choose(
    _ id: PlacementID, among nodes: [NodeID], at now: MonotonicInstant,
    using random: inout some RandomNumberGenerator, estimate: (NodeID) -> Duration? = { _ in nil },
    way: ((NodeID) -> Duration?)? = nil, fitness: (NodeID) -> Fitness
  ) -> NodeID? {
    func cost(_ node: NodeID) -> Double { self.cost(id, node, now, estimate, way) }
    var best = Best()
    if nodes.count > Self.fewNodes {
      var found = 0
      for _ in 0..<Self.draws where found < 2 {
        let node = nodes[Int.random(in: nodes.indices, using: &random)]
        switch fitness(node) {
        case .onTrial: return node
        case .fit where node != best.node:
          found += 1
          best.consider(node, cost(node))
        case .fit, .doubtful, .unfit: break
        }
      }
      if let node = best.node { return node }
    }
    var second = Best()
    for node in nodes {
      switch fitness(node) {
      case .onTrial: return node
      case .fit: best.consider(node, cost(node))
      case .doubtful: second.consider(node, cost(node))
      case .unfit: break
      }
    }
    return best.node ?? second.node
  }

  private struct Best {
    var node: NodeID?
    private var cost = Double.infinity

    mutating func consider(_ other: NodeID, _ otherCost: Double) {
      guard node == nil || otherCost < cost else { return }
      node = other
      cost = otherCost
    }
  }

  private func cost(
    _ id: PlacementID, _ node: NodeID, _ now: MonotonicInstant, _ estimate: (NodeID) -> Duration?,
    _ way: ((NodeID) -> Duration?)?
  ) -> Double {
    let meter = meters[node]?[id]
    let measured = meter?.latency(at: now)
    let known: Double
    if let way {
      // What was measured was on the way from where requests enter.
      let enteringWay = estimate(node).map { Double($0.nanoseconds) } ?? 0
      let work = max(0, (measured ?? enteringWay) - enteringWay)
      known = (way(node).map { Double($0.nanoseconds) } ?? Self.unknownWay) + work
    } else {
      known = measured ?? estimate(node).map { Double($0.nanoseconds) } ?? 0
    }
    let latency = max(Self.leastLatency, known, meter?.silence(at: now) ?? 0)
    return latency * Double(running(on: node) + 1)
  }

  // What runs.

  mutating func began(_ delivery: DeliveryID, _ route: Route, at now: MonotonicInstant) {
    deliveryRuns[delivery] = Run(route: route, began: now)
    begin(route, now)
  }

  mutating func began(_ request: RequestID, _ route: Route, at now: MonotonicInstant) {
    invocationRuns[request] = Run(route: route, began: now)
    begin(route, now)
  }

  private mutating func begin(_ route: Route, _ now: MonotonicInstant) {
    running[route.node, default: 0] += 1
    if meters[route.node]?[route.placement] != nil {
      meters[route.node]?[route.placement]?.began(at: now)
    }
  }

  /// - Parameter isMeasured: whether it ran: how long it took says something about where.
  /// - Returns: whether it counts: it was begun there, and not given up since.
  mutating func ended(
    _ delivery: DeliveryID, _ route: Route, isMeasured: Bool, at now: MonotonicInstant
  ) -> Bool {
    guard let run = deliveryRuns[delivery], run.route == route else { return false }
    deliveryRuns[delivery] = nil
    end(run, isMeasured, now)
    return true
  }

  mutating func ended(
    _ request: RequestID, _ route: Route, isMeasured: Bool, at now: MonotonicInstant
  ) -> Bool {
    guard let run = invocationRuns[request], run.route == route else { return false }
    invocationRuns[request] = nil
    end(run, isMeasured, now)
    return true
  }

  /// - Returns: where a delivery ran of which nobody knows any more; `nil` when it did not.
  mutating func giveUp(_ delivery: DeliveryID, at now: MonotonicInstant) -> Route? {
    guard let run = deliveryRuns.removeValue(forKey: delivery) else { return nil }
    end(run, true, now)
    return run.route
  }

  private mutating func end(_ run: Run, _ isMeasured: Bool, _ now: MonotonicInstant) {
    let node = run.route.node
    let left = running(on: node) - 1
    running[node] = left > 0 ? left : nil
    // What does not serve any more is not remembered because of what came late.
    guard meters[node]?[run.route.placement] != nil else { return }
    meters[node]?[run.route.placement]?.ended(
      after: isMeasured ? now - run.began : nil, at: now)
  }

  // What is known of placements.

  /// A placement serves from now on.
  mutating func serves(_ id: PlacementID, on node: NodeID) {
    if meters[node]?[id] == nil { meters[node, default: [:]][id] = LatencyMeter() }
  }

  /// It serves no more.
  mutating func forget(_ id: PlacementID, on node: NodeID) {
    meters[node]?[id] = nil
    if meters[node]?.isEmpty == true { meters[node] = nil }
  }

  /// Gives up what ran on a node, and forgets what was known of it; sorted.
  mutating func lose(
    _ node: NodeID
  ) -> (deliveries: [DeliveryID], invocations: [(RequestID, Route)]) {
    let deliveries = deliveryRuns.filter { $0.value.route.node == node }.keys.sorted()
    let invocations = invocationRuns.filter { $0.value.route.node == node }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value.route) }
    for id in deliveries { deliveryRuns[id] = nil }
    for (id, _) in invocations { invocationRuns[id] = nil }
    running[node] = nil
    for id in meters[node]?.keys.sorted() ?? [] { meters[node]?[id]?.forgetRuns() }
    return (deliveries, invocations)
  }
}

/// The smoothed latency of one placement.
struct LatencyMeter: Hashable, Sendable {
  /// Nanoseconds; `nil` before anything was measured.
  private var smoothed: Double?
  private var measuredAt = MonotonicInstant(nanoseconds: 0)
  /// What runs there, and since when nothing has come back although something does.
  private var running = 0
  private var silentSince: MonotonicInstant?

  /// What is thought of it now, in nanoseconds; `nil` before anything was measured.
  func latency(at now: MonotonicInstant) -> Double? {
    smoothed.map { $0 * Self.weight(after: now - measuredAt) }
  }

  /// For how many nanoseconds nothing has come back although something runs there.
  func silence(at now: MonotonicInstant) -> Double {
    silentSince.map { Double((now - $0).nanoseconds) } ?? 0
  }

  mutating func began(at now: MonotonicInstant) {
    if running == 0 { silentSince = now }
    running += 1
  }

  /// - Parameter latency: `nil` for what says nothing.
  mutating func ended(after latency: Duration?, at now: MonotonicInstant) {
    running = max(0, running - 1)
    silentSince = running > 0 ? now : nil
    if let latency { observe(latency, at: now) }
  }

  /// What runs there is not waited for any more.
  mutating func forgetRuns() {
    running = 0
    silentSince = nil
  }

  private mutating func observe(_ latency: Duration, at now: MonotonicInstant) {
    let new = Double(max(0, latency.nanoseconds))
    let weight = Self.weight(after: now - measuredAt)
    if let known = smoothed.map({ $0 * weight }), known > new {
      smoothed = known + new * (1 - weight)
    } else {
      smoothed = new
    }
    measuredAt = now
  }

  /// 1 at once, halved with each half-life; straight lines between these.
  static func weight(after time: Duration) -> Double {
    let lives = Double(max(0, time.nanoseconds)) / Double(LoadBalancer.halfLife.nanoseconds)
    let whole = lives.rounded(.down)
    guard whole < 60 else { return 0 }
    return (1 - (lives - whole) / 2) / Double(UInt64(1) << UInt64(whole))
  }
}
