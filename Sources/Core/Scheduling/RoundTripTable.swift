public import ClusterModel

/// Round trips between nodes, and from nodes to landmarks, as they were measured: smoothed, and forgotten
/// when they are old.
///
/// A deployment says from which zone its requests come. So what follows of it all is one round trip for
/// each node and zone: to the landmark of the zone when that was measured, else the shortest to a node in
/// it. It is told when it has changed by more than noise.
public struct RoundTripTable: Sendable {
  /// What the round trip from a zone to a node is from now on; `nil` when it is not known any more.
  public struct Change: Hashable, Sendable {
    public let zone: Zone
    public let node: NodeID
    public let roundTrip: Duration?
  }

  private struct Entry: Sendable {
    var nanoseconds: Double
    var at: MonotonicInstant
  }

  /// What is older says nothing any more: ways change with the time of day. Agents measure far more often.
  public static let longestAge = Duration.seconds(300)
  /// How often it is looked for what is old.
  static let sweepInterval = Duration.seconds(10)
  /// Targets that are remembered of a node, what others measured to it included; the oldest makes room.
  /// A fleet of 100,000 nodes with some neighbours each stays within some hundred megabytes.
  static let mostTargets = 64
  /// Samples of one message; what comes beyond is not looked at.
  static let mostSamples = 1024
  /// What is longer is no round trip but something that hung.
  static let longest = Duration.seconds(60)
  /// A new sample counts this much.
  static let gain = 0.125
  /// A change by less than this share of what was told is noise.
  static let noise = 0.05

  private var rows: [NodeID: [RoundTripTarget: Entry]] = [:]
  private var told: [NodeID: [Zone: Double]] = [:]
  private var sweepAt: MonotonicInstant?

  public init() {}

  public var nextDeadline: MonotonicInstant? { sweepAt }

  /// The smoothed round trip, when it is known and not old.
  public func roundTrip(
    from node: NodeID, to target: RoundTripTarget, at now: MonotonicInstant
  ) -> Duration? {
    guard let entry = rows[node]?[target], Self.isFresh(entry, now) else { return nil }
    return .nanoseconds(Int64(entry.nanoseconds))
  }

  /// All that is known from a node and not old, sorted by what it was measured to.
  public func all(from node: NodeID, at now: MonotonicInstant) -> [RoundTripSample] {
    (rows[node] ?? [:]).filter { Self.isFresh($0.value, now) }
      .map { RoundTripSample(to: $0.key, microseconds: Int64($0.value.nanoseconds / 1000)) }
      .sorted { $0.to < $1.to }
  }

  /// A node has measured. What is no round trip is not looked at.
  ///
  /// - Parameter zone: where a node is; `nil` for one that is not known.
  public mutating func measured(
    from node: NodeID, _ samples: [RoundTripSample], at now: MonotonicInstant,
    zone: (NodeID) -> Zone?
  ) -> [Change] {
    guard zone(node) != nil else { return [] }
    var touched: Set<NodeID> = []
    for sample in samples.prefix(Self.mostSamples) {
      let trip = sample.microseconds
      guard trip > 0, trip <= Self.longest.nanoseconds / 1000 else { continue }
      let nanoseconds = Double(trip) * 1000
      switch sample.to {
      case .landmark: observe(node, sample.to, nanoseconds, now)
      case .node(let other):
        guard other != node, zone(other) != nil else { continue }
        observe(node, sample.to, nanoseconds, now)
        observe(other, .node(node), nanoseconds, now)
        touched.insert(other)
      }
      touched.insert(node)
    }
    if !touched.isEmpty, sweepAt == nil { sweepAt = now + Self.sweepInterval }
    return touched.sorted().flatMap { changes(of: $0, now, zone) }
  }

  /// Forgets what is old.
  public mutating func wake(
    at now: MonotonicInstant, zone: (NodeID) -> Zone?
  ) -> [Change] {
    guard let at = sweepAt, at <= now else { return [] }
    var stale: [NodeID] = []
    for (node, row) in rows where row.contains(where: { !Self.isFresh($0.value, now) }) {
      rows[node] = row.filter { Self.isFresh($0.value, now) }
      if rows[node]?.isEmpty == true { rows[node] = nil }
      stale.append(node)
    }
    sweepAt = rows.isEmpty ? nil : now + Self.sweepInterval
    return stale.sorted().flatMap { changes(of: $0, now, zone) }
  }

  /// A node is gone for good, or is somewhere else now: what was measured from and to it says nothing.
  public mutating func forget(
    _ node: NodeID, at now: MonotonicInstant, zone: (NodeID) -> Zone?
  ) -> [Change] {
    let others = (rows.removeValue(forKey: node) ?? [:]).keys.compactMap { target -> NodeID? in
      if case .node(let other) = target { other } else { nil }
    }
    for other in others {
      rows[other]?[.node(node)] = nil
      if rows[other]?.isEmpty == true { rows[other] = nil }
    }
    return ([node] + others).sorted().flatMap { changes(of: $0, now, zone) }
  }

  private static func isFresh(_ entry: Entry, _ now: MonotonicInstant) -> Bool {
    now - entry.at < longestAge
  }

  private mutating func observe(
    _ node: NodeID, _ target: RoundTripTarget, _ nanoseconds: Double, _ now: MonotonicInstant
  ) {
    if let known = rows[node]?[target], Self.isFresh(known, now) {
      let smoothed = known.nanoseconds + (nanoseconds - known.nanoseconds) * Self.gain
      rows[node]?[target] = Entry(nanoseconds: smoothed, at: now)
      return
    }
    if let row = rows[node], row[target] == nil, row.count >= Self.mostTargets,
      let oldest = row.min(by: { ($0.value.at, $0.key) < ($1.value.at, $1.key) })?.key
    {
      rows[node]?[oldest] = nil
    }
    rows[node, default: [:]][target] = Entry(nanoseconds: nanoseconds, at: now)
  }

  /// What the round trips from zones to a node are, as far as that has changed since it was told.
  private mutating func changes(
    of node: NodeID, _ now: MonotonicInstant, _ zone: (NodeID) -> Zone?
  ) -> [Change] {
    let known = trips(of: node, now, zone)
    let before = told[node] ?? [:]
    var changes: [Change] = []
    for zone in Set(known.keys).union(before.keys).sorted() {
      switch (known[zone], before[zone]) {
      case (let new?, let old?) where abs(new - old) <= old * Self.noise: continue
      case (let new?, _):
        told[node, default: [:]][zone] = new
        changes.append(Change(zone: zone, node: node, roundTrip: .nanoseconds(Int64(new))))
      case (nil, _):
        told[node]?[zone] = nil
        changes.append(Change(zone: zone, node: node, roundTrip: nil))
      }
    }
    if told[node]?.isEmpty == true { told[node] = nil }
    return changes
  }

  private func trips(
    of node: NodeID, _ now: MonotonicInstant, _ zone: (NodeID) -> Zone?
  ) -> [Zone: Double] {
    var nodes: [Zone: Double] = [:]
    var landmarks: [Zone: Double] = [:]
    for (target, entry) in rows[node] ?? [:] where Self.isFresh(entry, now) {
      switch target {
      case .landmark(let zone): landmarks[zone] = entry.nanoseconds
      case .node(let other):
        guard let zone = zone(other) else { continue }
        nodes[zone] = min(nodes[zone] ?? .infinity, entry.nanoseconds)
      }
    }
    return nodes.merging(landmarks) { _, landmark in landmark }
  }
}
