import ClusterModel

/// Everything the scheduler knows of nodes, in columns: a decision runs over them in memory order.
struct FleetTable: Sendable {
  private(set) var ids: ContiguousArray<NodeID> = []
  private(set) var names: ContiguousArray<NameBeginning> = []
  private(set) var rows: [NodeID: Int] = [:]
  private(set) var profiles: ContiguousArray<NodeProfile> = []
  private(set) var places: ContiguousArray<EarthPoint?> = []
  private(set) var architectures: ContiguousArray<UInt8> = []
  /// 0 when it takes new placements; else one more than its `NodeAvailability`, plus 8 for an open
  /// breaker.
  private(set) var closed: ContiguousArray<UInt8> = []
  private(set) var memory: ContiguousArray<Int> = []
  private(set) var free: ContiguousArray<Int> = []
  /// 1 / memory; 0 for none.
  private(set) var perByte: ContiguousArray<Double> = []
  /// The idle share of the CPU, 0 to 1.
  private(set) var idle: ContiguousArray<Double> = []
  /// The resource score of placing nothing; nothing for a node that is closed.
  private(set) var resources = Ceilings()
  /// How often the state of a row has changed, of every 16 and 256 rows. They stay when nodes go:
  /// otherwise what was made of rows that went would be taken for that of rows that came.
  private(set) var blockVersions: ContiguousArray<Int> = []
  private(set) var groupVersions: ContiguousArray<Int> = []
  /// Round trips that were measured, by the zone they were measured from; few have any.
  private(set) var measured: ContiguousArray<[Measurement]> = []
  private(set) var zones: ContiguousArray<Int32> = []
  /// A node that names no domain is one of its own.
  private(set) var domains: ContiguousArray<Int32> = []
  private(set) var features: ContiguousArray<Int32> = []
  private(set) var hardware: ContiguousArray<Int32> = []
  private(set) var labels: ContiguousArray<Int32> = []

  private(set) var zoneSlots = Interner<Zone>()
  private(set) var domainSlots = Interner<FaultDomain>()
  private(set) var gateSlots = Interner<Zone>()
  /// What nodes offer, by kind and sorted: nodes of one make offer the same, so that a rule is held
  /// against few of these instead of every node.
  private(set) var featureSlots = Interner<[String]>()
  private(set) var hardwareSlots = Interner<[String]>()
  private(set) var labelSlots = Interner<[Label]>()

  struct Measurement: Sendable {
    /// Where from, in `gateSlots`.
    let gate: Int32
    var nanoseconds: Int64
  }

  var count: Int { ids.count }

  /// - Returns: its row.
  mutating func put(_ node: NodeProfile) -> Int {
    let row: Int
    if let known = rows[node.id] {
      row = known
      let used = memory[row] - free[row]
      free[row] = node.capabilities.memory.bytes - used
      releaseSlots(of: row)
    } else {
      row = append(node)
    }
    profiles[row] = node
    places[row] = node.location.coordinates.map { EarthPoint($0) }
    architectures[row] = CompatibilityMatrix.mask(node.capabilities.architectures)
    memory[row] = node.capabilities.memory.bytes
    perByte[row] = memory[row] > 0 ? 1 / Double(memory[row]) : 0
    zones[row] = zoneSlots.retain(node.location.zone)
    domains[row] = domainSlots.retain(node.capabilities.faultDomain)
    features[row] = featureSlots.retain(node.capabilities.cpuFeatures.sorted())
    hardware[row] = hardwareSlots.retain(node.capabilities.specializedHardware.sorted())
    labels[row] = labelSlots.retain(node.capabilities.labels.sorted())
    setResources(row)
    return row
  }

  private mutating func append(_ node: NodeProfile) -> Int {
    let row = ids.count
    ids.append(node.id)
    names.append(NameBeginning(node.id.text))
    rows[node.id] = row
    profiles.append(node)
    places.append(nil)
    architectures.append(0)
    closed.append(0)
    memory.append(0)
    free.append(node.capabilities.memory.bytes)
    perByte.append(0)
    idle.append(1)
    resources.grow(to: row + 1)
    measured.append([])
    zones.append(0)
    domains.append(0)
    features.append(0)
    hardware.append(0)
    labels.append(0)
    return row
  }

  private mutating func releaseSlots(of row: Int) {
    zoneSlots.release(zones[row])
    domainSlots.release(domains[row])
    featureSlots.release(features[row])
    hardwareSlots.release(hardware[row])
    labelSlots.release(labels[row])
  }

  /// The last row takes the place of the one that goes.
  mutating func remove(_ id: NodeID) -> (row: Int, last: Int)? {
    guard let row = rows.removeValue(forKey: id) else { return nil }
    let last = ids.count - 1
    releaseSlots(of: row)
    for measurement in measured[row] { gateSlots.release(measurement.gate) }
    if row != last { rows[ids[last]] = row }
    take(last, to: row, of: &ids)
    take(last, to: row, of: &names)
    take(last, to: row, of: &profiles)
    take(last, to: row, of: &places)
    take(last, to: row, of: &architectures)
    take(last, to: row, of: &closed)
    take(last, to: row, of: &memory)
    take(last, to: row, of: &free)
    take(last, to: row, of: &perByte)
    take(last, to: row, of: &idle)
    resources.set(resources[last], row)
    resources.set(Ceilings.none, last)
    resources.shrink(to: last)
    countChange(of: row)
    countChange(of: last)
    take(last, to: row, of: &measured)
    take(last, to: row, of: &zones)
    take(last, to: row, of: &domains)
    take(last, to: row, of: &features)
    take(last, to: row, of: &hardware)
    take(last, to: row, of: &labels)
    return (row, last)
  }

  private func take<Value>(_ last: Int, to row: Int, of column: inout ContiguousArray<Value>) {
    column[row] = column[last]
    column.removeLast()
  }

  /// Whether one has the smaller name.
  @inline(__always)
  func isNamedBefore(_ left: Int, _ right: Int) -> Bool {
    names[left] != names[right] ? names[left] < names[right] : ids[left] < ids[right]
  }

  // What changes all the time.

  mutating func setAvailability(_ availability: NodeAvailability, _ row: Int) {
    let code: UInt8 = availability == .available ? 0 : availability.rawValue + 1
    closed[row] = code | (closed[row] & 8)
    setResources(row)
  }

  func availability(_ row: Int) -> NodeAvailability {
    let code = closed[row] & 7
    return code == 0 ? .available : NodeAvailability(rawValue: code - 1) ?? .unavailable
  }

  mutating func setBreaker(open: Bool, _ row: Int) {
    closed[row] = open ? closed[row] | 8 : closed[row] & 7
    setResources(row)
  }

  func isBreakerOpen(_ row: Int) -> Bool { closed[row] & 8 != 0 }

  mutating func setIdle(_ share: Double, _ row: Int) {
    idle[row] = share
    setResources(row)
  }

  mutating func use(_ bytes: Int, _ row: Int) {
    free[row] -= bytes
    setResources(row)
  }

  /// Half the share of memory that stays free after placing, half the idle share of the CPU.
  @inline(__always)
  func resourceScore(_ row: Int, placing bytes: Int) -> Double {
    (Double(free[row] - bytes) * perByte[row] + idle[row]) / 2
  }

  /// Whether two rows have the same resource score, whatever is placed.
  @inline(__always)
  func areInSameState(_ left: Int, _ right: Int) -> Bool {
    free[left] == free[right] && perByte[left] == perByte[right] && idle[left] == idle[right]
  }

  private mutating func setResources(_ row: Int) {
    resources.set(
      closed[row] == 0 ? Ceilings.above(resourceScore(row, placing: 0)) : Ceilings.none, row)
    countChange(of: row)
  }

  private mutating func countChange(of row: Int) {
    let block = row / Ceilings.lanes
    let group = block / Ceilings.lanes
    if block == blockVersions.count { blockVersions.append(0) }
    if group == groupVersions.count { groupVersions.append(0) }
    blockVersions[block] += 1
    groupVersions[group] += 1
  }

  mutating func setMeasured(_ latency: Int64?, from zone: Zone, _ row: Int) {
    let known = gateSlots.slot(of: zone).flatMap { gate in
      measured[row].firstIndex { $0.gate == gate }
    }
    switch (known, latency) {
    case (let index?, let latency?): measured[row][index].nanoseconds = latency
    case (let index?, nil): gateSlots.release(measured[row].remove(at: index).gate)
    case (nil, let latency?):
      measured[row].append(Measurement(gate: gateSlots.retain(zone), nanoseconds: latency))
    case (nil, nil): break
    }
  }
}

/// The first 16 bytes of a name, in its order: where all nodes are alike they are all told apart by
/// their names, and comparing texts takes longer than all the rest.
struct NameBeginning: Hashable, Comparable, Sendable {
  private var high: UInt64 = 0
  private var low: UInt64 = 0

  init(_ name: String) {
    for (index, byte) in name.utf8.prefix(16).enumerated() {
      let bits = UInt64(byte) << UInt64(56 - index % 8 * 8)
      if index < 8 { high |= bits } else { low |= bits }
    }
  }

  @inline(__always)
  static func < (left: Self, right: Self) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }
}
