/// What one pattern may take to look at one event. Without it that would be the product of their sizes, and
/// whoever publishes could hold up everybody together with whoever subscribes.
struct MatchingWork {
  /// Steps: a field that is looked up, a value that is tested. About a millisecond or two; all 128 tests of a
  /// pattern on 780 values.
  static let maximum = 100_000
  /// Of texts that are read to their end, so many bytes are one step more.
  static let bytesAStep = 64

  private(set) var left = maximum

  mutating func spend(_ steps: Int) throws(WorkExceeded) {
    left -= steps
    guard left >= 0 else { throw WorkExceeded() }
  }
}

/// A pattern would take more work for an event than it may.
struct WorkExceeded: Error {}
