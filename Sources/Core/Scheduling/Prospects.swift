import ClusterModel

/// What rules make of every node, in columns: all that does not change with what nodes are doing.
struct Prospects: Sendable {
  let rules: CompiledRules
  /// Exact, of those that were asked for; not a number of the others.
  private var points: ContiguousArray<Double>
  private(set) var ceilings: Ceilings
  /// Rows that were found best the last time; others may have these numbers by now.
  private(set) var recent: ContiguousArray<Int> = []

  init(_ rules: CompiledRules, _ table: borrowing FleetTable) {
    self.rules = rules
    points = ContiguousArray(repeating: .nan, count: table.count)
    ceilings = rules.ceilings(table)
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

  mutating func remember(_ best: borrowing ContiguousArray<Selection.Candidate>) {
    recent.removeAll(keepingCapacity: true)
    for index in best.indices { recent.append(best[index].row) }
  }

  /// What the table says of a row has changed, or it is new.
  mutating func update(_ row: Int, _ table: borrowing FleetTable) {
    if row == points.count { points.append(.nan) } else { points[row] = .nan }
    ceilings.grow(to: row + 1)
    ceilings.set(rules.pointsAtMost(row, table).map(Ceilings.above) ?? Ceilings.none, row)
  }

  /// The last row takes the place of one that goes.
  mutating func remove(_ row: Int, _ last: Int) {
    points[row] = points[last]
    points.removeLast()
    ceilings.set(ceilings[last], row)
    ceilings.set(Ceilings.none, last)
    ceilings.shrink(to: last)
  }
}

/// The prospects by rules that were asked for lately. Most deployments come from few places, and share
/// their rules.
struct ProspectsCache: Sendable {
  var entries: ContiguousArray<Prospects> = []
  private var uses: ContiguousArray<UInt64> = []
  private var clock: UInt64 = 0
  /// Each costs 13 bytes a node.
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
