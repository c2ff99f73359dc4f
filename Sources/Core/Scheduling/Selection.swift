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
  /// By domain: placements that lie there, those that are chosen counted, and the score of that.
  private var placements: ContiguousArray<Int32> = []
  private var domainScores: ContiguousArray<Double> = []
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
  /// It was considered in this look.
  private static let seen: UInt8 = 4

  /// What one look at all nodes brings beyond what is wanted: enough that choices in the same domain
  /// seldom make another look necessary; and in all. Putting in order what is found costs more the
  /// more it is.
  private static let spare = 2
  private static let longestList = 24

  mutating func begin(_ request: PlacementRequest, _ table: borrowing FleetTable) {
    // Less than nothing counts as nothing.
    memory = max(0, request.memory.bytes)
    if marks.count < table.count {
      marks.append(contentsOf: repeatElement(0, count: table.count - marks.count))
    }
    let domains = table.domainSlots.count
    if placements.count < domains {
      domainScores.append(contentsOf: repeatElement(1, count: domains - placements.count))
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
    for domain in markedDomains {
      placements[Int(domain)] = 0
      domainScores[Int(domain)] = 1
    }
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
    domainScores[Int(domain)] = 1 / Double(1 + placements[Int(domain)])
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
    domainScores[Int(table.domains[row])]
  }

  /// The best that any node can have: less than 1 when every domain has a placement.
  private func bestDomainScore(_ table: borrowing FleetTable) -> Double {
    guard markedDomains.count == table.domainSlots.used else { return 1 }
    return markedDomains.lazy.map { domainScores[Int($0)] }.max() ?? 1
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
    return table.isNamedBefore(left.row, right.row)
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
    let rules = Weighing(prospects.rules, limit, bestDomainScore(table))
    // Those that were best the last time are likely to be good now, and much less is looked at when
    // it is known from the beginning how good a node must be.
    for row in prospects.recent where row < table.count {
      consider(row, rules, table, &prospects)
      marks[row] |= Self.seen
    }
    var needed = rules.needed(list)
    for vector in prospects.ceilings.groups.indices {
      for group in Lanes(
        vector,
        Ceilings.reaching(
          needed, prospects.ceilings.groups[vector], table.resources.groups[vector],
          weight: rules.resources))
      {
        for block in Lanes(
          group,
          Ceilings.reaching(
            needed, prospects.ceilings.blocks[group], table.resources.blocks[group],
            weight: rules.resources))
        {
          for row in Lanes(
            block,
            Ceilings.reaching(
              needed, prospects.ceilings.rows[block], table.resources.rows[block],
              weight: rules.resources))
          where consider(row, rules, table, &prospects) {
            needed = rules.needed(list)
          }
        }
      }
    }
    for row in prospects.recent where row < table.count { marks[row] &= ~Self.seen }
    prospects.remember(list)
  }

  /// Puts a row on the list if it may run it and is good enough.
  ///
  /// - Returns: whether it did.
  @inline(__always) @discardableResult
  private mutating func consider(
    _ row: Int, _ rules: Weighing, _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) -> Bool {
    // Closed nodes have no ceiling, but where resources count for nothing that does not stop them.
    guard marks[row] & (Self.taken | Self.seen) == 0, table.closed[row] == 0,
      table.free[row] >= memory,
      let standing = prospects.points(of: row, table)
    else { return false }
    let new = Candidate(row: row, points: points(row, standing: standing, rules.weights, table))
    if list.count < rules.limit {
      list.append(new)
    } else if !precedes(new, list[rules.limit - 1], table) {
      return false
    }
    var place = list.count - 1
    while place > 0, precedes(new, list[place - 1], table) {
      list[place] = list[place - 1]
      place -= 1
    }
    list[place] = new
    return true
  }
}

/// What one look needs of rules.
private struct Weighing {
  let weights: PlacementWeights
  /// Nodes that are looked for.
  let limit: Int
  /// Rounded up.
  let resources: Float
  private let mostOfDomain: Double
  private let slack: Double

  /// Far more than what rounding adds to a sum of ceilings, and far less than what makes a difference.
  private static let share = 0x1p-20

  @inline(__always)
  init(_ rules: CompiledRules, _ limit: Int, _ bestDomainScore: Double) {
    weights = rules.rules.weights
    self.limit = limit
    resources = Ceilings.above(weights.resources)
    mostOfDomain = weights.faultDomain * bestDomainScore
    slack = rules.allPoints * Self.share
  }

  /// What the ceilings of a row must come to at least if it is to come on the list.
  @inline(__always)
  func needed(_ list: borrowing ContiguousArray<Selection.Candidate>) -> Float {
    guard list.count == limit else { return Ceilings.least }
    let needed = (list[limit - 1].points - mostOfDomain) * (1 - Self.share) - slack
    return max(Ceilings.least, -Ceilings.above(-needed))
  }
}

/// The numbers of the lanes of a vector whose bits are set.
private struct Lanes: Sequence, IteratorProtocol {
  private let first: Int
  private var bits: UInt32

  @inline(__always)
  init(_ vector: Int, _ bits: UInt32) {
    first = vector * Ceilings.lanes
    self.bits = bits
  }

  @inline(__always)
  mutating func next() -> Int? {
    guard bits != 0 else { return nil }
    let lane = bits.trailingZeroBitCount
    bits &= bits - 1
    return first + lane
  }
}
