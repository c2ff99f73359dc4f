/// Byte sequences, each with a number, of which those that a text begins with are found with one search,
/// however many and however long they are.
struct PrefixTable: Sendable {
  private struct Entry {
    let bytes: [UInt8]
    /// The longest other entry that this one begins with.
    let parent: Int?
    let number: Int
  }

  /// Sorted by bytes.
  private let entries: [Entry]

  var isEmpty: Bool { entries.isEmpty }

  /// - Parameter prefixes: each once.
  init(_ prefixes: [(bytes: [UInt8], number: Int)]) {
    var entries: [Entry] = []
    var open: [Int] = []
    let sorted = prefixes.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    for (index, prefix) in sorted.enumerated() {
      while let last = open.last, !prefix.bytes.starts(with: entries[last].bytes) {
        open.removeLast()
      }
      entries.append(Entry(bytes: prefix.bytes, parent: open.last, number: prefix.number))
      open.append(index)
    }
    self.entries = entries
  }

  /// Says the number of each entry that `text` begins with, the longest one first, until `found` says that
  /// it knows the others.
  ///
  /// The last entry that is not after the text begins with every other that the text begins with: whatever
  /// is sorted between a prefix and the text has that prefix.
  func find(_ text: [UInt8], found: (Int) -> Bool) {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if text.lexicographicallyPrecedes(entries[middle].bytes) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    guard low > 0 else { return }
    var index: Int? = low - 1
    let common = Self.commonLength(entries[low - 1].bytes, text)
    while let current = index {
      if entries[current].bytes.count <= common, !found(entries[current].number) { return }
      index = entries[current].parent
    }
  }

  private static func commonLength(_ left: [UInt8], _ right: [UInt8]) -> Int {
    let count = min(left.count, right.count)
    return (0..<count).first { left[$0] != right[$0] } ?? count
  }
}
