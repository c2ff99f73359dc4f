import ClusterModel

/// One decision under way: what is excluded, where other placements lie, and what was chosen so far.
/// What it holds is used again for the next decision, as allocating costs more than deciding.
struct Selection: Sendable {
  /// A node that may run it.
  struct Candidate: Sendable {
    let row: Int
    /// Of all factors.
    var points: Double
  }

  /// A node that was chosen.
  struct Choice: Sendable {
    let row: Int
    let fit: CompatibilityMatrix.Fit
    /// Of all factors, and the score of its fault domain, when it was its turn.
    let points: Double
    let domainScore: Double
  }

  /// By row: bits of what the request says.
  private var marks: ContiguousArray<UInt8> = []
  /// By domain: placements that lie there, those that are chosen counted.
  private var placements: ContiguousArray<Int32> = []
  private var markedRows: ContiguousArray<Int> = []
  private var markedDomains: ContiguousArray<Int32> = []
  /// What a placement reserves, in bytes.
  private(set) var memory = 0
  /// The best as things were at the last look, best first.
  private var list: ContiguousArray<Candidate> = []
  private(set) var chosen: ContiguousArray<Choice> = []

  /// It may not be chosen, or is chosen already.
  private static let taken: UInt8 = 1
  private static let holder: UInt8 = 2

  /// What one look at all nodes brings beyond what is wanted: enough that choices in the same domain
  /// seldom make another look necessary; and in all. Putting in order what is found costs more the
  /// more it is.
  private static let spare = 4
  private static let longestList = 24

  mutating func begin(_ request: PlacementRequest, _ table: borrowing FleetTable) {
    // Less than nothing counts as nothing.
    memory = max(0, request.memory.bytes)
    if marks.count < table.count {
      marks.append(contentsOf: repeatElement(0, count: table.count - marks.count))
    }
    let domains = table.domainSlots.count
    if placements.count < domains {
      placements.append(contentsOf: repeatElement(0, count: domains - placements.count))
    }
    for id in request.excluded { mark(table.rows[id], Self.taken) }
    for id in request.holders { mark(table.rows[id], Self.holder) }
    for id in request.companions {
      if let row = table.rows[id] { addPlacement(in: table.domains[row]) }
    }
  }

  mutating func end() {
    for row in markedRows { marks[row] = 0 }
    for domain in markedDomains { placements[Int(domain)] = 0 }
    markedRows.removeAll(keepingCapacity: true)
    markedDomains.removeAll(keepingCapacity: true)
    chosen.removeAll(keepingCapacity: true)
  }

  @inline(__always)
  private mutating func mark(_ row: Int?, _ bit: UInt8) {
    guard let row else { return }
    if marks[row] == 0 { markedRows.append(row) }
    marks[row] |= bit
  }

  @inline(__always)
  private mutating func addPlacement(in domain: Int32) {
    if placements[Int(domain)] == 0 { markedDomains.append(domain) }
    placements[Int(domain)] += 1
  }

  /// It is not there for the next choice, and its domain is worse for it.
  private mutating func take(
    _ candidate: Candidate, _ fit: CompatibilityMatrix.Fit, _ table: borrowing FleetTable
  ) {
    let row = candidate.row
    chosen.append(
      Choice(
        row: row, fit: fit, points: candidate.points, domainScore: domainScore(row, table)))
    mark(row, Self.taken)
    addPlacement(in: table.domains[row])
  }

  // The score.

  func isHolder(_ row: Int) -> Bool { marks[row] & Self.holder != 0 }

  @inline(__always)
  func domainScore(_ row: Int, _ table: borrowing FleetTable) -> Double {
    1 / Double(1 + placements[Int(table.domains[row])])
  }

  /// The best that any node can have: less than 1 when every domain has a placement.
  private func bestDomainScore(_ table: borrowing FleetTable) -> Double {
    guard markedDomains.count == table.domainSlots.used else { return 1 }
    let fewest = markedDomains.lazy.map { placements[Int($0)] }.min() ?? 0
    return 1 / Double(1 + fewest)
  }

  /// All points of a row that has some, as things are.
  @inline(__always)
  func points(
    _ row: Int, standing: Double, _ weights: PlacementWeights, _ table: borrowing FleetTable
  ) -> Double {
    standing + weights.resources * table.resourceScore(row, placing: memory)
      + weights.faultDomain * domainScore(row, table)
  }

  /// Whether one comes before another that runs it in the same way.
  @inline(__always)
  func precedes(_ left: Candidate, _ right: Candidate, _ table: borrowing FleetTable) -> Bool {
    if left.points != right.points { return left.points > right.points }
    let isHolder = isHolder(left.row)
    if isHolder != self.isHolder(right.row) { return isHolder }
    return table.ids[left.row] < table.ids[right.row]
  }

  // Choosing.

  /// Chooses, best first, until so many are chosen or no node is left that runs it in this way.
  mutating func choose(
    upTo count: Int, _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) {
    while chosen.count < count {
      let missing = count - chosen.count
      let limit = missing == 1 ? 1 : min(missing + Self.spare, Self.longestList)
      look(for: limit, table, &prospects)
      // Whatever is not on the list is not better than the last on it, then or later: domains that
      // are taken meanwhile make some worse, and none better.
      let bound = list.count == limit ? list.last : nil
      while chosen.count < count, let index = bestOfList(table),
        bound.map({ !precedes($0, list[index], table) }) ?? true
      {
        let next = list.remove(at: index)
        take(next, prospects.rules.fit, table)
        updateList(after: next, table, &prospects)
      }
      if bound == nil { return }
    }
  }

  private func bestOfList(_ table: borrowing FleetTable) -> Int? {
    guard var best = list.indices.first else { return nil }
    for index in list.indices.dropFirst() where precedes(list[index], list[best], table) {
      best = index
    }
    return best
  }

  /// Those in the domain of what was chosen are worse now.
  private mutating func updateList(
    after choice: Candidate, _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) {
    let domain = table.domains[choice.row]
    let weights = prospects.rules.rules.weights
    for index in list.indices where table.domains[list[index].row] == domain {
      let row = list[index].row
      guard let standing = prospects.points(of: row, table) else { continue }
      list[index].points = points(row, standing: standing, weights, table)
    }
  }

  /// Finds the best of all nodes as things are.
  private mutating func look(
    for limit: Int, _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) {
    list.removeAll(keepingCapacity: true)
    let weights = prospects.rules.rules.weights
    let weight = Ceilings.above(weights.resources)
    let domainBest = weights.faultDomain * bestDomainScore(table)
    let slack = prospects.rules.allPoints * 0x1p-20
    var cutoff = -Float.greatestFiniteMagnitude
    let fan = Ceilings.fan
    for group in prospects.ceilings.groups.indices
    where prospects.ceilings.groups[group] + weight * table.resources.groups[group] >= cutoff {
      for block in group * fan..<(group + 1) * fan
      where prospects.ceilings.blocks[block] + weight * table.resources.blocks[block] >= cutoff {
        for row in block * fan..<(block + 1) * fan
        where prospects.ceilings.rows[row] + weight * table.resources.rows[row] >= cutoff {
          guard consider(row, limit, weights, table, &prospects), let last = list.last else {
            continue
          }
          // Rounding of the ceilings is far less than this.
          let needed = (last.points - domainBest) * (1 - 0x1p-20) - slack
          cutoff = max(-Float.greatestFiniteMagnitude, -Ceilings.above(-needed))
        }
      }
    }
  }

  /// Puts a row on the list if it is good enough.
  ///
  /// - Returns: whether the list is full, and its last another than before.
  @inline(__always)
  private mutating func consider(
    _ row: Int, _ limit: Int, _ weights: PlacementWeights, _ table: borrowing FleetTable,
    _ prospects: inout Prospects
  ) -> Bool {
    guard marks[row] & Self.taken == 0, table.free[row] >= memory,
      let standing = prospects.points(of: row, table)
    else { return false }
    let new = Candidate(row: row, points: points(row, standing: standing, weights, table))
    if list.count == limit {
      guard precedes(new, list[limit - 1], table) else { return false }
      list.removeLast()
    }
    var place = list.count
    while place > 0, precedes(new, list[place - 1], table) { place -= 1 }
    list.insert(new, at: place)
    return list.count == limit
  }
}
