import ClusterModel
import PropertyTesting
import Testing

/// Which incarnation a start of an agent takes.
@Suite struct IncarnationTests {
  private func next(
    after last: UInt64?, at microseconds: Int64, seed: UInt64 = 1
  ) -> UInt64 {
    var random = SeededRandom(seed: seed)
    return Incarnation.next(
      after: last.map { Incarnation($0) }, at: WallInstant(microseconds: microseconds),
      using: &random
    ).number
  }

  @Test func `a first start goes by the clock`() {
    #expect(next(after: nil, at: 1_790_000_000_000_000) == 1_790_000_000_000_000)
    #expect(next(after: nil, at: 0) == 0)
    #expect(next(after: nil, at: -1) == 0, "before 1970 there is nothing to count")
  }

  @Test func `a clock that is ahead of the last start counts as it is`() {
    #expect(next(after: 5, at: 6) == 6)
    #expect(next(after: 5, at: .max) == UInt64(Int64.max))
  }

  @Test func `a clock that is behind, or stands still, counts on from the last start`() {
    for clock in [Int64.min, -1, 0, 999, 1000] {
      let found = next(after: 1000, at: clock)
      #expect((1001...1_001_000).contains(found), "\(clock)")
    }
  }

  @Test func `a machine and its copy do not count on to the same number`() {
    let numbers = (1...20 as ClosedRange<UInt64>).map { next(after: 1000, at: 0, seed: $0) }
    #expect(Set(numbers).count == numbers.count)
  }

  @Test func `after the largest number the clock alone is left`() {
    #expect(next(after: UInt64.max, at: 7) == 7)
    #expect(next(after: UInt64.max, at: -1) == 0)
  }

  @Test func `each start is larger than the one before it, whatever the clock says`() async throws {
    try await checkProperty(
      "incarnations grow", cases: 500,
      zip(
        Generator<Int64>.int(in: .min ... .max).array(count: 1...20),
        Generator<UInt64>.int(in: 0 ... .max))
    ) { clocks, seed in
      var random = SeededRandom(seed: seed)
      var last: Incarnation?
      for clock in clocks {
        let next = Incarnation.next(
          after: last, at: WallInstant(microseconds: clock), using: &random)
        if let last, next <= last { return false }
        last = next
      }
      return true
    }
  }
}
