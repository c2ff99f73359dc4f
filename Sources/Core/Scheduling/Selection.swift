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
  private var holderRows: ContiguousArray<Int> = []
  /// Those that were considered out of turn in this look.
  private var seenRows: ContiguousArray<Int> = []
  private var areHoldersSeen = false
  private var markedDomains: ContiguousArray<Int32> = []
  /// What a placement reserves, in bytes.
  private(set) var memory = 0
  /// The best as things were at the last look, best first.
  private var list: ContiguousArray<Candidate> = []
  private(set) var chosen: ContiguousArray<Choice> = []
  private var likenesses = Likenesses()
  /// How often a node was looked at for this decision: what all the rest is there to keep small.
  private(set) var considered = 0

  /// It may not be chosen, or is chosen already.
  private static let taken: UInt8 = 1
  private static let holder: UInt8 = 2
  /// It was considered out of turn in this look.
  private static let seen: UInt8 = 4

  /// What one look at all nodes brings beyond what is wanted: enough that choices in the same domain
  /// seldom make another look necessary; and in all. Putting in order what is found costs more the
  /// more it is.
  private static let spare = 2
  private static let longestList = 24

  mutating func begin(_ request: PlacementRequest, _ table: borrowing FleetTable) {
    // Less than nothing counts as nothing.
    memory = max(0, request.memory.bytes)
    considered = 0
    if marks.count < table.count {
      marks.append(contentsOf: repeatElement(0, count: table.count - marks.count))
    }
    let domains = table.domainSlots.count
    if placements.count < domains {
      domainScores.append(contentsOf: repeatElement(1, count: domains - placements.count))
      placements.append(contentsOf: repeatElement(0, count: domains - placements.count))
    }
    for id in request.excluded { mark(table.rows[id], Self.taken) }
    for id in request.holders {
      guard let row = table.rows[id] else { continue }
      mark(row, Self.holder)
      holderRows.append(row)
    }
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
    holderRows.removeAll(keepingCapacity: true)
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
    areHoldersSeen = false
    var needed = rules.needed(list)
    for vector in prospects.ceilings.groups.indices {
      for group in Lanes(
        vector,
        Ceilings.reaching(
          needed, prospects.ceilings.groups[vector], table.resources.groups[vector],
          weight: rules.resources))
      {
        let blocks = Ceilings.reaching(
          needed, prospects.ceilings.blocks[group], table.resources.blocks[group],
          weight: rules.resources)
        if list.count == limit,
          Ceilings.areAlike(
            blocks, prospects.ceilings.blocks[group], table.resources.blocks[group],
            weight: rules.resources)
        {
          let isNone = hasNone(inGroup: group, rules, table, &prospects)
          needed = rules.needed(list)
          if isNone { continue }
        }
        for block in Lanes(group, blocks) {
          let rows = Ceilings.reaching(
            needed, prospects.ceilings.rows[block], table.resources.rows[block],
            weight: rules.resources)
          if list.count == limit,
            Ceilings.areAlike(
              rows, prospects.ceilings.rows[block], table.resources.rows[block],
              weight: rules.resources)
          {
            let isNone = hasNone(inBlock: block, rules, table, &prospects)
            needed = rules.needed(list)
            if isNone { continue }
          }
          for row in Lanes(block, rows) where consider(row, rules, table, &prospects) {
            needed = rules.needed(list)
          }
        }
      }
    }
    for row in prospects.recent where row < table.count { marks[row] &= ~Self.seen }
    for row in seenRows { marks[row] &= ~Self.seen }
    seenRows.removeAll(keepingCapacity: true)
    prospects.remember(list)
  }

  /// So that all others lose their ties with the last of the list, if that is a holder.
  private mutating func considerHolders(
    _ rules: Weighing, _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) {
    guard !areHoldersSeen else { return }
    areHoldersSeen = true
    // Some may have had their turn.
    for row in holderRows where !list.contains(where: { $0.row == row }) {
      considerFirst(row, rules, table, &prospects)
    }
  }

  @inline(never)
  private mutating func considerFirst(
    _ row: Int, _ rules: Weighing, _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) {
    guard marks[row] & Self.seen == 0 else { return }
    consider(row, rules, table, &prospects)
    marks[row] |= Self.seen
    seenRows.append(row)
  }

  @inline(never)
  private mutating func hasNone(
    inGroup group: Int, _ rules: Weighing, _ table: borrowing FleetTable,
    _ prospects: inout Prospects
  ) -> Bool {
    considerHolders(rules, table, &prospects)
    let most = prospects.mostOfGroup(group, table)
    return hasNone(likenesses.group(group, table), most, rules, table, &prospects)
  }

  @inline(never)
  private mutating func hasNone(
    inBlock block: Int, _ rules: Weighing, _ table: borrowing FleetTable,
    _ prospects: inout Prospects
  ) -> Bool {
    considerHolders(rules, table, &prospects)
    let most = prospects.mostOfBlock(block, table)
    return hasNone(likenesses.block(block, table), most, rules, table, &prospects)
  }

  /// Whether none of some rows is good enough for the list, which is full, but those that were
  /// considered. The best of each state is considered, if it could be.
  ///
  /// - Parameter most: that the standing points of any of them are.
  private mutating func hasNone(
    _ summary: Likenesses.Summary, _ most: Double, _ rules: Weighing,
    _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) -> Bool {
    for lane in summary.rows.indices {
      let row = Int(summary.rows[lane])
      guard row >= 0 else { return true }
      let points = rules.pointsAtMost(
        standing: most, resourceScore: table.resourceScore(row, placing: memory))
      guard hasNone(points, row, rules, table, &prospects) else { return false }
    }
    guard summary.other >= 0 else { return true }
    let points = rules.pointsAtMost(standing: most, resourceScore: Double(summary.ceiling))
    return hasNone(points, Int(summary.other), rules, table, &prospects)
  }

  /// The same of rows that have so many points at most, and of which this one has the smallest name.
  @inline(__always)
  private mutating func hasNone(
    _ points: Double, _ row: Int, _ rules: Weighing, _ table: borrowing FleetTable,
    _ prospects: inout Prospects
  ) -> Bool {
    if isShort(points, row, table) { return true }
    guard marks[row] & (Self.taken | Self.seen) == 0 else { return false }
    considerFirst(row, rules, table, &prospects)
    return isShort(points, row, table)
  }

  /// Whether no node that is not a holder comes before the last of the list, if it has so many points at
  /// most and no smaller name than this row, or is it.
  @inline(__always)
  private func isShort(_ points: Double, _ row: Int, _ table: borrowing FleetTable) -> Bool {
    let last = list[list.count - 1]
    guard points >= last.points else { return true }
    return points == last.points && (isHolder(last.row) || !table.isNamedBefore(row, last.row))
  }

  /// Puts a row on the list if it may run it and is good enough.
  ///
  /// - Returns: whether it did.
  @inline(__always) @discardableResult
  private mutating func consider(
    _ row: Int, _ rules: Weighing, _ table: borrowing FleetTable, _ prospects: inout Prospects
  ) -> Bool {
    considered &+= 1
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
