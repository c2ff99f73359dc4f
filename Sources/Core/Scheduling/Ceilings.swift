/// What each row is worth at most, and the best of every 16, 256 and 4096 rows: most rows can be passed
/// over without a look at them.
///
///     group   [                  0.9                  ] [ 0.4 ...     of 16 blocks
///     block   [       0.7       ] [ 0.9 ] [ 0.2 ] ...                 of 16 rows
///     row      0.7 0.1 0.3 ...
///
/// Each bracket is one vector, held against what is needed at once. Whatever is added up of ceilings is
/// a ceiling of the sum. `Float`, rounded up, as less has to be read then.
struct Ceilings: Sendable {
  typealias Vector = SIMD16<Float>
  static let lanes = 16
  /// It is never looked at. Finite, so that no weight makes it something that is not a number.
  static let none: Float = -0x1p100
  /// Whatever is not ``none`` is more than this.
  static let least: Float = -0x1p60

  /// Padded with nothing; a vector for each lane of the one above.
  private(set) var rows: ContiguousArray<Vector> = []
  private(set) var blocks: ContiguousArray<Vector> = []
  private(set) var groups: ContiguousArray<Vector> = []

  init() {}

  /// - Parameter ceiling: what a row is worth at most.
  @inline(__always)
  init(count: Int, _ ceiling: (Int) -> Float) {
    grow(to: count)
    for index in rows.indices {
      var vector = Vector(repeating: Self.none)
      let first = index * Self.lanes
      for lane in 0..<min(Self.lanes, count - first) { vector[lane] = ceiling(first + lane) }
      rows[index] = vector
    }
    for index in rows.indices { Self.put(Self.best(of: rows[index]), index, &blocks) }
    for index in blocks.indices { Self.put(Self.best(of: blocks[index]), index, &groups) }
  }

  subscript(row: Int) -> Float { rows[row / Self.lanes][row % Self.lanes] }

  private static func put(_ value: Float, _ index: Int, _ level: inout ContiguousArray<Vector>) {
    level[index / lanes][index % lanes] = value
  }

  @inline(__always)
  private static func best(of vector: Vector) -> Float {
    var best = vector[0]
    for lane in 1..<lanes where vector[lane] > best { best = vector[lane] }
    return best
  }

  private static func vectors(_ count: Int) -> Int { (count + lanes - 1) / lanes }

  /// Makes room for so many rows; new ones are worth nothing.
  mutating func grow(to count: Int) {
    Self.grow(&rows, to: Self.vectors(count))
    Self.grow(&blocks, to: Self.vectors(rows.count))
    Self.grow(&groups, to: Self.vectors(blocks.count))
  }

  private static func grow(_ level: inout ContiguousArray<Vector>, to count: Int) {
    while level.count < count { level.append(Vector(repeating: none)) }
  }

  /// Gives back what is not needed for so many rows. Those that go must be worth nothing.
  mutating func shrink(to count: Int) {
    while rows.count > Self.vectors(count) { rows.removeLast() }
    while blocks.count > Self.vectors(rows.count) { blocks.removeLast() }
    while groups.count > Self.vectors(blocks.count) { groups.removeLast() }
  }

  mutating func set(_ ceiling: Float, _ row: Int) {
    let old = self[row]
    guard old != ceiling else { return }
    Self.put(ceiling, row, &rows)
    let block = row / Self.lanes
    guard let best = Self.raise(from: old, to: ceiling, rows[block], block, &blocks) else { return }
    let group = block / Self.lanes
    _ = Self.raise(from: best.old, to: best.new, blocks[group], group, &groups)
  }

  /// One of a vector has changed; so may the best of it, at a place of the level above.
  ///
  /// - Returns: how that has changed, if it has.
  private static func raise(
    from old: Float, to new: Float, _ vector: Vector, _ index: Int,
    _ level: inout ContiguousArray<Vector>
  ) -> (old: Float, new: Float)? {
    let known = level[index / lanes][index % lanes]
    // Another is the best, and stays it.
    if new <= known, old < known { return nil }
    let best = new >= known ? new : best(of: vector)
    guard best != known else { return nil }
    put(best, index, &level)
    return (known, best)
  }

  /// Bits of the lanes where the sum of two ceilings, the second with a weight, is not less than
  /// what is needed.
  @inline(__always)
  static func reaching(
    _ needed: Float, _ first: Vector, _ second: Vector, weight: Float
  ) -> UInt32 {
    // By the signs of the differences: comparing vectors is not compiled to instructions for vectors.
    let signs = unsafeBitCast(
      first + second * weight - Vector(repeating: needed), to: SIMD16<UInt32>.self)
    let half = signs.lowHalf & signs.highHalf
    let quarter = half.lowHalf & half.highHalf
    let eighth = quarter.lowHalf & quarter.highHalf
    if (eighth.x & eighth.y) >> 31 == 1 { return 0 }
    var bits: UInt32 = 0
    for lane in 0..<lanes { bits |= (~signs[lane] >> 31) << UInt32(lane) }
    return bits
  }

  /// Whether several of those lanes have exactly the same sum as their neighbour: only then they may well
  /// be alike.
  ///
  /// - Parameter bits: of the lanes; few are not worth the question.
  @inline(__always)
  static func areAlike(
    _ bits: UInt32, _ first: Vector, _ second: Vector, weight: Float
  ) -> Bool {
    bits.nonzeroBitCount >= lanes / 2 && haveEqualSums(bits, first, second, weight: weight)
  }

  @inline(never)
  private static func haveEqualSums(
    _ bits: UInt32, _ first: Vector, _ second: Vector, weight: Float
  ) -> Bool {
    let sums = first + second * weight
    var rest = bits
    var last = none
    var equal = 0
    for count in 1...lanes where rest != 0 {
      let sum = sums[rest.trailingZeroBitCount]
      rest &= rest - 1
      if sum == last { equal += 1 }
      last = sum
      if equal == 3 { return true }
      if equal == 0, count == lanes / 2 { return false }
    }
    return false
  }

  /// The smallest `Float` that is not less.
  @inline(__always)
  static func above(_ value: Double) -> Float {
    let near = Float(value)
    return Double(near) < value ? near.nextUp : near
  }
}
