import ClusterModel
import PropertyTesting
import Testing

@testable import EventPatterns

/// The tables of the index by themselves, where borders meet more often than in whole patterns.
@Suite struct TableTests {
  private static let bound: Generator<NumberRange.Bound?> = zip(
    Generator<Int64>.int(in: 0...4), Generator<Bool>.bool
  ).map { NumberRange.Bound(PatternNumber($0), isIncluded: $1) }.optional()

  private static let ranges: Generator<[(NumberRange.Bound?, NumberRange.Bound?)]> = zip(
    bound, bound
  )
  .array(count: 0...12)

  @Test func `ranges are found where they contain a number`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 12: the tree of ranges agrees with a look at all of them",
      cases: 2000, Self.ranges
    ) { bounds in
      let ranges = Set(bounds.compactMap { NumberRange(lower: $0, upper: $1) })
      let numbered = ranges.enumerated().map { (range: $1, number: $0) }
      let table = RangeTable(numbered)
      return stride(from: -0.5, through: 4.5, by: 0.5).allSatisfy { value in
        guard let number = PatternNumber(value) else { return false }
        var found: [Int] = []
        table.find(number) { found.append($0) }
        return found.sorted() == numbered.filter { $0.range.contains(number) }.map(\.number)
      }
    }
  }

  @Test func `prefixes are found where a text begins with them, the longest first`() async throws {
    let bytes = Generator<[UInt8]>.init { choices in
      Generator<UInt8>.element(of: [0, 1, 255]).array(count: 0...4).generate(&choices)
    }
    try await checkProperty(
      "Feature: wasmatrix, Property 12: the table of prefixes agrees with a look at all of them",
      cases: 2000, zip(bytes.array(count: 0...12), bytes)
    ) { prefixes, text in
      let numbered = Set(prefixes).enumerated().map { (bytes: $1, number: $0) }
      var found: [Int] = []
      PrefixTable(numbered).find(text) {
        found.append($0)
        return true
      }
      let expected = numbered.filter { text.starts(with: $0.bytes) }
        .sorted { $0.bytes.count > $1.bytes.count }
      return found == expected.map(\.number)
    }
  }
}
