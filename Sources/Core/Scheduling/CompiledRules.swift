import ClusterModel

/// The rules of a deployment in a form that is quick to hold against nodes, for those nodes that would
/// run it in one way: as native code, or as portable.
///
/// The score of a node is divided into what follows from the rules and what the node is (``points``),
/// and what changes all the time: its resources, and where other placements lie.
///
/// A class, as it never changes and is handed on in every decision: copying its texts would take longer
/// than what is done with them.
final class CompiledRules: Sendable {
  let fit: CompatibilityMatrix.Fit
  let rules: PlacementRules
  /// The most that a node can have: every factor is 1 at best. A score is its points divided by this,
  /// and as the sums are made in the same order, not more than 1.
  let allPoints: Double
  private let allowed: UInt8
  private let place: EarthPoint?
  /// Nanoseconds.
  private let longest: Double

  init(_ rules: PlacementRules, _ fit: CompatibilityMatrix.Fit) {
    self.fit = fit
    self.rules = rules
    allPoints =
      rules.weights.latency + rules.weights.distance + rules.weights.dataLocality
      + rules.weights.resources + rules.weights.faultDomain
    allowed = CompatibilityMatrix.mask(rules.architectures)
    place = rules.origin?.coordinates.map { EarthPoint($0) }
    longest = rules.maximumLatency.map { Double($0.nanoseconds) } ?? .infinity
  }

  /// Whether other rules make the same of every node. What differs most often comes first.
  func isSame(as other: PlacementRules, _ otherFit: CompatibilityMatrix.Fit) -> Bool {
    fit == otherFit && rules.weights == other.weights && rules.origin == other.origin
      && rules.maximumLatency == other.maximumLatency && rules.architectures == other.architectures
      && rules.dataZones == other.dataZones && rules.preferredZones == other.preferredZones
      && rules.labels == other.labels && rules.hardware == other.hardware
      && rules.cpuFeatures == other.cpuFeatures
  }

  // What a node is.

  /// - Returns: the points of latency, distance and data locality; `nil` when the node may not run it.
  @inline(__always)
  private func points(
    measured: Int64?, isSameZone: Bool, kilometres: Double?, locality: Double
  ) -> Double? {
    let latency =
      rules.origin == nil
      ? nil
      : Proximity.latency(measured: measured, isSameZone: isSameZone, kilometres: kilometres)
    if longest < .infinity {
      guard let latency, latency <= longest else { return nil }
    }
    return rules.weights.latency * Proximity.latencyScore(latency)
      + rules.weights.distance * Proximity.distanceScore(kilometres)
      + rules.weights.dataLocality * locality
  }

  /// Exactly.
  func points(_ row: Int, _ table: borrowing FleetTable) -> Double? {
    guard isAdmitted(row, table) else { return nil }
    return points(
      measured: measured(row, table), isSameZone: isSameZone(row, table),
      kilometres: kilometres(row, table), locality: locality(row, table))
  }

  /// Not less than ``points(_:_:)``, and quicker.
  func pointsAtMost(_ row: Int, _ table: borrowing FleetTable) -> Double? {
    guard isAdmitted(row, table) else { return nil }
    return points(
      measured: measured(row, table), isSameZone: isSameZone(row, table),
      kilometres: kilometresAtLeast(row, table), locality: locality(row, table))
  }

  /// ``pointsAtMost(_:_:)`` of all rows. What nodes share is looked at once for all of them.
  func ceilings(_ table: borrowing FleetTable) -> Ceilings {
    let gate = rules.origin.flatMap { table.gateSlots.slot(of: $0.zone) }
    let zone = rules.origin.flatMap { table.zoneSlots.slot(of: $0.zone) }
    let localities = ContiguousArray(table.zoneSlots.values.map { $0.map(locality) ?? 0 })
    let admitted = admittedRows(table)
    return Ceilings(count: table.count) { row in
      guard admitted[row] else { return Ceilings.none }
      var measured: Int64?
      if let gate {
        measured = table.measured[row].first { $0.gate == gate }?.nanoseconds
      }
      let slot = table.zones[row]
      let points = points(
        measured: measured, isSameZone: slot == zone, kilometres: kilometresAtLeast(row, table),
        locality: localities[Int(slot)])
      return points.map(Ceilings.above) ?? Ceilings.none
    }
  }

  /// ``isAdmitted(_:_:)`` of all rows. Of what is not asked for nothing is looked at.
  private func admittedRows(_ table: borrowing FleetTable) -> ContiguousArray<Bool> {
    var admitted = ContiguousArray(
      table.architectures.map { CompatibilityMatrix.fit(allowed, $0) == fit })
    func require(_ column: ContiguousArray<Int32>, _ isOffered: ContiguousArray<Bool>) {
      for row in admitted.indices where !isOffered[Int(column[row])] { admitted[row] = false }
    }
    if !rules.cpuFeatures.isEmpty {
      let offers = table.featureSlots.values.map { $0.map(hasFeatures) ?? false }
      require(table.features, ContiguousArray(offers))
    }
    if !rules.hardware.isEmpty {
      let offers = table.hardwareSlots.values.map { $0.map(hasHardware) ?? false }
      require(table.hardware, ContiguousArray(offers))
    }
    if !rules.labels.isEmpty {
      let offers = table.labelSlots.values.map { $0.map(hasLabels) ?? false }
      require(table.labels, ContiguousArray(offers))
    }
    return admitted
  }

  private func isAdmitted(_ row: Int, _ table: borrowing FleetTable) -> Bool {
    CompatibilityMatrix.fit(allowed, table.architectures[row]) == fit
      && hasFeatures(table.featureSlots.values[Int(table.features[row])] ?? [])
      && hasHardware(table.hardwareSlots.values[Int(table.hardware[row])] ?? [])
      && hasLabels(table.labelSlots.values[Int(table.labels[row])] ?? [])
  }

  private func hasFeatures(_ offered: [String]) -> Bool {
    rules.cpuFeatures.allSatisfy { Self.contains($0, offered) }
  }

  private func hasHardware(_ offered: [String]) -> Bool {
    rules.hardware.allSatisfy { Self.contains($0, offered) }
  }

  private func hasLabels(_ offered: [Label]) -> Bool {
    rules.labels.allSatisfy { Self.contains($0, offered) }
  }

  /// - Parameter sorted: a node may name hundreds.
  private static func contains<Value: Comparable>(_ value: Value, _ sorted: [Value]) -> Bool {
    var range = sorted.indices
    while let middle = range.isEmpty ? nil : (range.lowerBound + range.upperBound) / 2 {
      if sorted[middle] == value { return true }
      range =
        sorted[middle] < value ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return false
  }

  // What is known of the way to it.

  /// Round-trip nanoseconds from the zone of the origin, as measured; `nil` when nobody has.
  func measured(_ row: Int, _ table: borrowing FleetTable) -> Int64? {
    guard let origin = rules.origin else { return nil }
    return table.measured[row].first { table.gateSlots.values[Int($0.gate)] == origin.zone }?
      .nanoseconds
  }

  private func isSameZone(_ row: Int, _ table: borrowing FleetTable) -> Bool {
    rules.origin?.zone == table.profiles[row].location.zone
  }

  /// From the origin; `nil` when unknown.
  func kilometres(_ row: Int, _ table: borrowing FleetTable) -> Double? {
    guard let place, let other = table.places[row] else { return nil }
    return Proximity.kilometres(place, other)
  }

  @inline(__always)
  private func kilometresAtLeast(_ row: Int, _ table: borrowing FleetTable) -> Double? {
    guard let place, let other = table.places[row] else { return nil }
    return Proximity.kilometresAtLeast(place, other)
  }

  /// Round-trip nanoseconds from the origin; `nil` when unknown.
  func latency(_ row: Int, _ table: borrowing FleetTable) -> Double? {
    latency(row, table, kilometres: kilometres(row, table))
  }

  private func latency(
    _ row: Int, _ table: borrowing FleetTable, kilometres: Double?
  ) -> Double? {
    guard rules.origin != nil else { return nil }
    return Proximity.latency(
      measured: measured(row, table), isSameZone: isSameZone(row, table), kilometres: kilometres)
  }

  /// Latency and distance together, by their weights; 0 when neither counts.
  func proximityScore(_ row: Int, _ table: borrowing FleetTable) -> Double {
    let weights = rules.weights
    guard weights.latency + weights.distance > 0 else { return 0 }
    let kilometres = kilometres(row, table)
    let latency = latency(row, table, kilometres: kilometres)
    return
      (weights.latency * Proximity.latencyScore(latency)
      + weights.distance * Proximity.distanceScore(kilometres))
      / (weights.latency + weights.distance)
  }

  /// The score of data locality; 1 where it does not matter.
  func locality(_ row: Int, _ table: borrowing FleetTable) -> Double {
    locality(of: table.profiles[row].location.zone)
  }

  private func locality(of zone: Zone) -> Double {
    let (data, preferred) = (rules.dataZones, rules.preferredZones)
    guard !data.isEmpty || !preferred.isEmpty else { return 1 }
    let share = data.isEmpty || preferred.isEmpty ? 1.0 : 0.5
    return (Self.contains(zone, data) ? share : 0) + (Self.contains(zone, preferred) ? share : 0)
  }
}
