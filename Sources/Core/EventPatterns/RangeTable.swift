import ClusterModel

/// Ranges of numbers, each with a number, of which those that contain one are found without a look at most
/// others: a balanced tree over the ranges sorted by where they begin, which knows where the last one ends.
struct RangeTable: Sendable {
  private struct Entry {
    let range: NumberRange
    let number: Int
    /// Of the subtree whose root it is: the range that ends last.
    var endsLast: NumberRange
  }

  /// The root of a part is in its middle.
  private var entries: [Entry]

  var isEmpty: Bool { entries.isEmpty }

  init(_ ranges: [(range: NumberRange, number: Int)]) {
    entries = ranges.sorted { Self.beginsBefore($0.range, $1.range) }
      .map { Entry(range: $0.range, number: $0.number, endsLast: $0.range) }
    _ = settle(0..<entries.count)
  }

  private static func beginsBefore(_ left: NumberRange, _ right: NumberRange) -> Bool {
    guard let right = right.lower else { return false }
    guard let left = left.lower else { return true }
    if left.number != right.number { return left.number < right.number }
    return left.isIncluded && !right.isIncluded
  }

  private static func endsBefore(_ left: NumberRange, _ right: NumberRange) -> Bool {
    guard let left = left.upper else { return false }
    guard let right = right.upper else { return true }
    if left.number != right.number { return left.number < right.number }
    return !left.isIncluded && right.isIncluded
  }

  private mutating func settle(_ part: Range<Int>) -> NumberRange? {
    guard !part.isEmpty else { return nil }
    let root = Self.root(of: part)
    for side in [part.lowerBound..<root, root + 1..<part.upperBound] {
      if let last = settle(side), Self.endsBefore(entries[root].endsLast, last) {
        entries[root].endsLast = last
      }
    }
    return entries[root].endsLast
  }

  private static func root(of part: Range<Int>) -> Int {
    part.lowerBound + (part.upperBound - part.lowerBound) / 2
  }

  /// Says the number of each range that contains `number`.
  func find(_ number: PatternNumber, found: (Int) -> Void) {
    find(number, in: 0..<entries.count, found)
  }

  private func find(_ number: PatternNumber, in part: Range<Int>, _ found: (Int) -> Void) {
    guard !part.isEmpty else { return }
    let root = Self.root(of: part)
    let entry = entries[root]
    guard entry.endsLast.ends(atOrAbove: number) else { return }
    find(number, in: part.lowerBound..<root, found)
    guard entry.range.begins(atOrBelow: number) else { return }
    if entry.range.ends(atOrAbove: number) { found(entry.number) }
    find(number, in: root + 1..<part.upperBound, found)
  }
}
