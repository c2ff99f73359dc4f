import ClusterModel

/// What rules make of every node, in columns: all that does not change with what nodes are doing.
struct Prospects: Sendable {
  let rules: CompiledRules
  /// Exact, of those that were asked for; not a number of the others.
  private var points: ContiguousArray<Double>
  private(set) var ceilings: Ceilings
  /// The most exact points of every 16 and 256 rows; not a number where they are not known.
  private var mostOfBlocks: ContiguousArray<Double>
  private var mostOfGroups: ContiguousArray<Double>
  /// Rows that were found best the last time; others may have these numbers by now.
  private(set) var recent: ContiguousArray<Int> = []
  /// The same of the time before; only there so that nothing is allocated.
  private var formerly: ContiguousArray<Int> = []
  /// At least so many of them, if there were as many.
  private static let remembered = 5

  init(_ rules: CompiledRules, _ table: borrowing FleetTable) {
    self.rules = rules
    points = ContiguousArray(repeating: .nan, count: table.count)
    ceilings = rules.ceilings(table)
    mostOfBlocks = ContiguousArray(repeating: .nan, count: ceilings.rows.count)
    mostOfGroups = ContiguousArray(repeating: .nan, count: ceilings.blocks.count)
  }

  /// The exact points of a row; `nil` when it may not run it. Most rows are never asked for, which
  /// spares most of what new rules cost.
  @inline(__always)
  mutating func points(of row: Int, _ table: borrowing FleetTable) -> Double? {
    let known = points[row]
    if known.isNaN { return findPoints(of: row, table) }
    return known < 0 ? nil : known
  }

  @inline(never)
  private mutating func findPoints(of row: Int, _ table: borrowing FleetTable) -> Double? {
    let found = rules.points(row, table)
    points[row] = found ?? -1
    ceilings.set(found.map(Ceilings.above) ?? Ceilings.none, row)
    return found
  }

  /// The most that any of 16 rows has, exactly; less than nothing when none of them may run it.
  @inline(__always)
  mutating func mostOfBlock(_ block: Int, _ table: borrowing FleetTable) -> Double {
    let known = mostOfBlocks[block]
    return known.isNaN ? findMost(ofBlock: block, table) : known
  }

  @inline(never)
  private mutating func findMost(ofBlock block: Int, _ table: borrowing FleetTable) -> Double {
    let first = block * Ceilings.lanes
    var most = Double(Ceilings.none)
    for row in first..<min(first + Ceilings.lanes, points.count)
    where Double(ceilings[row]) > most {
      if let points = points(of: row, table) { most = max(most, points) }
    }
    mostOfBlocks[block] = most
    return most
  }

  /// The same of 256 rows.
  @inline(__always)
  mutating func mostOfGroup(_ group: Int, _ table: borrowing FleetTable) -> Double {
    let known = mostOfGroups[group]
    return known.isNaN ? findMost(ofGroup: group, table) : known
  }

  @inline(never)
  private mutating func findMost(ofGroup group: Int, _ table: borrowing FleetTable) -> Double {
    let first = group * Ceilings.lanes
    var most = Double(Ceilings.none)
    for block in first..<min(first + Ceilings.lanes, mostOfBlocks.count) {
      most = max(most, mostOfBlock(block, table))
    }
    mostOfGroups[group] = most
    return most
  }

  private mutating func forgetMost(of row: Int) {
    mostOfBlocks[row / Ceilings.lanes] = .nan
    mostOfGroups[row / (Ceilings.lanes * Ceilings.lanes)] = .nan
  }

  /// Those that were best, and before them: what was chosen is worse now, if it was acted on, and what
  /// is best then is likely to be among these.
  mutating func remember(_ best: borrowing ContiguousArray<Selection.Candidate>) {
    swap(&recent, &formerly)
    recent.removeAll(keepingCapacity: true)
    for index in best.indices { recent.append(best[index].row) }
    for row in formerly where recent.count < Self.remembered && !recent.contains(row) {
      recent.append(row)
    }
  }

  /// What the table says of a row has changed, or it is new.
  mutating func update(_ row: Int, _ table: borrowing FleetTable) {
    if row == points.count { points.append(.nan) } else { points[row] = .nan }
    ceilings.grow(to: row + 1)
    while mostOfBlocks.count < ceilings.rows.count { mostOfBlocks.append(.nan) }
    while mostOfGroups.count < ceilings.blocks.count { mostOfGroups.append(.nan) }
    forgetMost(of: row)
    ceilings.set(rules.pointsAtMost(row, table).map(Ceilings.above) ?? Ceilings.none, row)
  }

  /// The last row takes the place of one that goes.
  mutating func remove(_ row: Int, _ last: Int) {
    points[row] = points[last]
    points.removeLast()
    ceilings.set(ceilings[last], row)
    ceilings.set(Ceilings.none, last)
    ceilings.shrink(to: last)
    forgetMost(of: row)
    forgetMost(of: last)
    mostOfBlocks.removeLast(mostOfBlocks.count - ceilings.rows.count)
    mostOfGroups.removeLast(mostOfGroups.count - ceilings.blocks.count)
  }
}

/// The prospects by rules that were asked for lately. Most deployments come from few places, and share
/// their rules.
struct ProspectsCache: Sendable {
  var entries: ContiguousArray<Prospects> = []
  private var uses: ContiguousArray<UInt64> = []
  private var clock: UInt64 = 0
  /// Each costs 14 bytes a node.
  static let maximum = 16

  /// Where those of some rules are; they are made if they are not there.
  mutating func index(
    of rules: PlacementRules, _ fit: CompatibilityMatrix.Fit, _ table: borrowing FleetTable
  ) -> Int {
    clock += 1
    for index in entries.indices where entries[index].rules.isSame(as: rules, fit) {
      uses[index] = clock
      return index
    }
    let new = Prospects(CompiledRules(rules, fit), table)
    guard entries.count == Self.maximum, let oldest = uses.indices.min(by: { uses[$0] < uses[$1] })
    else {
      entries.append(new)
      uses.append(clock)
      return entries.count - 1
    }
    entries[oldest] = new
    uses[oldest] = clock
    return oldest
  }

  /// What is known of a node has changed, or it is new.
  mutating func update(_ row: Int, _ table: borrowing FleetTable) {
    for index in entries.indices { entries[index].update(row, table) }
  }

  /// A latency has changed.
  mutating func update(_ row: Int, _ table: borrowing FleetTable, measuredFrom zone: Zone) {
    for index in entries.indices where entries[index].rules.rules.origin?.zone == zone {
      entries[index].update(row, table)
    }
  }

  mutating func remove(_ row: Int, _ last: Int) {
    for index in entries.indices { entries[index].remove(row, last) }
  }
}
