import ClusterModel

/// Everything the scheduler knows of nodes, in columns: a decision runs over them in memory order.
struct FleetTable: Sendable {
  private(set) var ids: ContiguousArray<NodeID> = []
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
  private(set) var zones: ContiguousArray<Int32> = []
  private(set) var domains: ContiguousArray<Int32> = []
  /// One bit for each fact there is, `words` words a node.
  private(set) var facts: ContiguousArray<UInt64> = []
  private(set) var words = 1
  private(set) var zoneIndex: [Zone: Int32] = [:]
  private var domainIndex: [FaultDomain: Int32] = [:]
  private(set) var domainCount: Int32 = 0
  private var factIndex: [Fact: Int] = [:]
  private(set) var measured: [Zone: [NodeID: Int64]] = [:]

  /// Something a deployment may require of a node.
  enum Fact: Hashable, Sendable {
    case feature(String), hardware(String), label(Label)
  }

  var count: Int { ids.count }

  mutating func put(_ node: NodeProfile) {
    let row: Int
    if let known = rows[node.id] {
      row = known
      let used = memory[row] - free[row]
      free[row] = node.capabilities.memory.bytes - used
    } else {
      row = append(node)
    }
    profiles[row] = node
    places[row] = node.location.coordinates.map { EarthPoint($0) }
    architectures[row] = CompatibilityMatrix.mask(node.capabilities.architectures)
    memory[row] = node.capabilities.memory.bytes
    perByte[row] = memory[row] > 0 ? 1 / Double(memory[row]) : 0
    zones[row] = zone(node.location.zone)
    domains[row] = domain(node.capabilities.faultDomain, row)
    setFacts(of: node.capabilities, row)
  }

  private mutating func append(_ node: NodeProfile) -> Int {
    let row = ids.count
    ids.append(node.id)
    rows[node.id] = row
    profiles.append(node)
    places.append(nil)
    architectures.append(0)
    closed.append(0)
    memory.append(0)
    free.append(node.capabilities.memory.bytes)
    perByte.append(0)
    idle.append(1)
    zones.append(0)
    domains.append(-1)
    facts.append(contentsOf: repeatElement(0, count: words))
    return row
  }

  /// The last row takes the place of the one that goes.
  mutating func remove(_ id: NodeID) -> (row: Int, last: Int)? {
    guard let row = rows.removeValue(forKey: id) else { return nil }
    let last = ids.count - 1
    if row != last { rows[ids[last]] = row }
    for column in 0..<words { facts[row * words + column] = facts[last * words + column] }
    facts.removeLast(words)
    take(last, to: row, of: &ids)
    take(last, to: row, of: &profiles)
    take(last, to: row, of: &places)
    take(last, to: row, of: &architectures)
    take(last, to: row, of: &closed)
    take(last, to: row, of: &memory)
    take(last, to: row, of: &free)
    take(last, to: row, of: &perByte)
    take(last, to: row, of: &idle)
    take(last, to: row, of: &zones)
    take(last, to: row, of: &domains)
    for zone in measured.keys { measured[zone]?[id] = nil }
    return (row, last)
  }

  private func take<Value>(_ last: Int, to row: Int, of column: inout ContiguousArray<Value>) {
    column[row] = column[last]
    column.removeLast()
  }

  private mutating func zone(_ zone: Zone) -> Int32 {
    if let known = zoneIndex[zone] { return known }
    let index = Int32(zoneIndex.count)
    zoneIndex[zone] = index
    return index
  }

  /// A node that names no domain is one of its own.
  private mutating func domain(_ domain: FaultDomain?, _ row: Int) -> Int32 {
    if let domain, let known = domainIndex[domain] { return known }
    // Its own domain, if it has one already.
    if domain == nil, domains[row] >= 0, !domainIndex.values.contains(domains[row]) {
      return domains[row]
    }
    let index = domainCount
    domainCount += 1
    if let domain { domainIndex[domain] = index }
    return index
  }

  private mutating func setFacts(of capabilities: NodeCapabilities, _ row: Int) {
    let all =
      capabilities.cpuFeatures.map { Fact.feature($0) }
      + capabilities.specializedHardware.map { Fact.hardware($0) }
      + capabilities.labels.map { Fact.label($0) }
    for fact in all where factIndex[fact] == nil { factIndex[fact] = factIndex.count }
    widen(to: (factIndex.count + 63) / 64)
    for column in 0..<words { facts[row * words + column] = 0 }
    for fact in all {
      guard let index = factIndex[fact] else { continue }
      facts[row * words + index / 64] |= 1 << UInt64(index % 64)
    }
  }

  private mutating func widen(to needed: Int) {
    guard needed > words else { return }
    var wider = ContiguousArray<UInt64>(repeating: 0, count: ids.count * needed)
    for row in 0..<ids.count {
      for column in 0..<words { wider[row * needed + column] = facts[row * words + column] }
    }
    facts = wider
    words = needed
  }

  /// What must be there, word by word; `nil` when no node at all has some of it.
  func mask(of rules: PlacementRules) -> [(word: Int, bits: UInt64)]? {
    var bits: [Int: UInt64] = [:]
    let all =
      rules.cpuFeatures.map { Fact.feature($0) } + rules.hardware.map { Fact.hardware($0) }
      + rules.labels.map { Fact.label($0) }
    for fact in all {
      guard let index = factIndex[fact] else { return nil }
      bits[index / 64, default: 0] |= 1 << UInt64(index % 64)
    }
    return bits.keys.sorted().map { ($0, bits[$0] ?? 0) }
  }

  // What changes all the time.

  mutating func setAvailability(_ availability: NodeAvailability, _ row: Int) {
    let code: UInt8 = availability == .available ? 0 : availability.rawValue + 1
    closed[row] = code | (closed[row] & 8)
  }

  func availability(_ row: Int) -> NodeAvailability {
    let code = closed[row] & 7
    return code == 0 ? .available : NodeAvailability(rawValue: code - 1) ?? .unavailable
  }

  mutating func setBreaker(open: Bool, _ row: Int) {
    closed[row] = open ? closed[row] | 8 : closed[row] & 7
  }

  func isBreakerOpen(_ row: Int) -> Bool { closed[row] & 8 != 0 }

  mutating func setIdle(_ share: Double, _ row: Int) { idle[row] = share }

  mutating func use(_ bytes: Int, _ row: Int) { free[row] -= bytes }

  mutating func setMeasured(_ latency: Int64?, from zone: Zone, _ id: NodeID) {
    measured[zone, default: [:]][id] = latency
    if measured[zone]?.isEmpty == true { measured[zone] = nil }
  }
}
