/// In which states the open nodes of every 16 and 256 rows are, each state by its node of the smallest
/// name: where nodes are all alike, what one of them is worth is what all of them are worth, and one
/// look at it tells that none of the others wins the tie.
///
///     256 rows   [ idle, all free: a3 | idle, half free: b1 |                ]  others: none
///      16 rows   [ idle, all free: a7 ] [ idle, all free: a3 | half free: b1 ] ...
///
/// A state is all that changes with what a node is doing: two nodes in the same state have exactly the
/// same resource score, whatever is placed on them. Made when somebody asks, and again after a node of
/// them has changed: a fleet where all nodes differ pays nothing for it.
struct Likenesses: Sendable {
  /// Of some rows. Every open one is in the state of one that is named, or among the others.
  struct Summary: Sendable {
    /// The row of the smallest name in each state; -1 for none.
    fileprivate(set) var rows = SIMD4<Int32>(repeating: -1)
    /// The smallest name of those in other states, and the most that one of them is worth.
    fileprivate(set) var other: Int32 = -1
    fileprivate(set) var ceiling = Ceilings.none
    /// Of the table, when this was made; -1 for never.
    fileprivate var version = -1
  }

  /// Of 16 rows, and of 256.
  private var blocks: ContiguousArray<Summary> = []
  private var groups: ContiguousArray<Summary> = []

  mutating func block(_ index: Int, _ table: borrowing FleetTable) -> Summary {
    while blocks.count <= index { blocks.append(Summary()) }
    let version = table.blockVersions[index]
    if blocks[index].version != version {
      var summary = Summary()
      let first = index * Ceilings.lanes
      for row in first..<min(first + Ceilings.lanes, table.count) where table.closed[row] == 0 {
        summary.add(Int32(row), table)
      }
      summary.version = version
      blocks[index] = summary
    }
    return blocks[index]
  }

  mutating func group(_ index: Int, _ table: borrowing FleetTable) -> Summary {
    while groups.count <= index { groups.append(Summary()) }
    let version = table.groupVersions[index]
    if groups[index].version != version {
      var summary = Summary()
      let first = index * Ceilings.lanes
      // The versions of rows that went are kept: there are more of them than blocks.
      let blocks = (table.count + Ceilings.lanes - 1) / Ceilings.lanes
      for block in first..<max(first, min(first + Ceilings.lanes, blocks)) {
        summary.add(self.block(block, table), table)
      }
      summary.version = version
      groups[index] = summary
    }
    return groups[index]
  }
}

extension Likenesses.Summary {
  fileprivate mutating func add(_ row: Int32, _ table: borrowing FleetTable) {
    var worst = 0
    for lane in rows.indices {
      let known = rows[lane]
      if known < 0 {
        rows[lane] = row
        return
      }
      if table.areInSameState(Int(known), Int(row)) {
        if table.isNamedBefore(Int(row), Int(known)) { rows[lane] = row }
        return
      }
      if table.resources[Int(known)] < table.resources[Int(rows[worst])] { worst = lane }
    }
    // One too many: the worst of them is one of the others.
    guard table.resources[Int(row)] > table.resources[Int(rows[worst])] else {
      return addOther(row, table.resources[Int(row)], table)
    }
    addOther(rows[worst], table.resources[Int(rows[worst])], table)
    rows[worst] = row
  }

  private mutating func addOther(_ row: Int32, _ ceiling: Float, _ table: borrowing FleetTable) {
    self.ceiling = max(self.ceiling, ceiling)
    if other < 0 || table.isNamedBefore(Int(row), Int(other)) { other = row }
  }

  fileprivate mutating func add(_ part: Self, _ table: borrowing FleetTable) {
    for lane in part.rows.indices where part.rows[lane] >= 0 { add(part.rows[lane], table) }
    if part.other >= 0 { addOther(part.other, part.ceiling, table) }
  }
}
