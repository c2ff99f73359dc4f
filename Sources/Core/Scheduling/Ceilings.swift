/// What each row is worth at most, and the best of every 16 and of every 256 rows: most rows can be
/// passed over without a look at them.
///
///     group    [               0.9               ] [ 0.4 ...
///     block    [ 0.7 ] [ 0.9 ] [ 0.2 ] ... 16 of them
///     row       0.7 0.1 0.3 ... 16 of them
///
/// Whatever is added up of ceilings is a ceiling of the sum. `Float`, rounded up, as four bytes a row are
/// half of what has to be read.
struct Ceilings: Sendable {
  static let fan = 16
  /// Nothing: it is never looked at.
  static let none = -Float.infinity

  /// Padded with nothing to whole blocks, and those to whole groups.
  private(set) var rows: ContiguousArray<Float> = []
  private(set) var blocks: ContiguousArray<Float> = []
  private(set) var groups: ContiguousArray<Float> = []

  init() {}

  /// - Parameter ceiling: what a row is worth at most.
  init(count: Int, _ ceiling: (Int) -> Float) {
    let size = Self.fan * Self.fan
    let padded = (count + size - 1) / size * size
    rows.reserveCapacity(padded)
    for row in 0..<count { rows.append(ceiling(row)) }
    rows.append(contentsOf: repeatElement(Self.none, count: padded - count))
    blocks = Self.best(of: rows)
    groups = Self.best(of: blocks)
  }

  private static func best(of values: ContiguousArray<Float>) -> ContiguousArray<Float> {
    ContiguousArray(
      (0..<values.count / fan).map { best(of: values, $0) })
  }

  @inline(__always)
  private static func best(of values: ContiguousArray<Float>, _ block: Int) -> Float {
    var best = none
    for index in block * fan..<(block + 1) * fan where values[index] > best { best = values[index] }
    return best
  }

  /// Makes room for so many rows; new ones are worth nothing.
  mutating func grow(to count: Int) {
    while rows.count < count {
      rows.append(contentsOf: repeatElement(Self.none, count: Self.fan * Self.fan))
      blocks.append(contentsOf: repeatElement(Self.none, count: Self.fan))
      groups.append(Self.none)
    }
  }

  /// Gives back what is not needed for so many rows.
  mutating func shrink(to count: Int) {
    while (groups.count - 1) * Self.fan * Self.fan >= count, !groups.isEmpty {
      rows.removeLast(Self.fan * Self.fan)
      blocks.removeLast(Self.fan)
      groups.removeLast()
    }
  }

  mutating func set(_ ceiling: Float, _ row: Int) {
    let old = rows[row]
    guard old != ceiling else { return }
    rows[row] = ceiling
    let block = row / Self.fan
    let oldBest = blocks[block]
    let best = ceiling >= oldBest ? ceiling : old < oldBest ? oldBest : Self.best(of: rows, block)
    guard best != oldBest else { return }
    blocks[block] = best
    let group = block / Self.fan
    let oldGroup = groups[group]
    if best >= oldGroup {
      groups[group] = best
    } else if oldBest == oldGroup {
      groups[group] = Self.best(of: blocks, group)
    }
  }

  /// The smallest `Float` that is not less.
  @inline(__always)
  static func above(_ value: Double) -> Float {
    let near = Float(value)
    return Double(near) < value ? near.nextUp : near
  }
}
