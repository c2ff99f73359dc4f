import ClusterModel

/// What one look needs of rules.
struct Weighing {
  let weights: PlacementWeights
  /// Nodes that are looked for.
  let limit: Int
  /// Rounded up.
  let resources: Float
  private let mostOfDomain: Double
  private let slack: Double

  /// Far more than what rounding adds to a sum of ceilings, and far less than what makes a difference.
  private static let share = 0x1p-20

  @inline(__always)
  init(_ rules: CompiledRules, _ limit: Int, _ bestDomainScore: Double) {
    weights = rules.rules.weights
    self.limit = limit
    resources = Ceilings.above(weights.resources)
    mostOfDomain = weights.faultDomain * bestDomainScore
    slack = rules.allPoints * Self.share
  }

  /// What the ceilings of a row must come to at least if it is to come on the list.
  @inline(__always)
  func needed(_ list: borrowing ContiguousArray<Selection.Candidate>) -> Float {
    guard list.count == limit else { return Ceilings.least }
    let needed = (list[limit - 1].points - mostOfDomain) * (1 - Self.share) - slack
    return max(Ceilings.least, -Ceilings.above(-needed))
  }

  /// All points of a row with a resource score, or with a smaller one, whose standing points are not
  /// more than the most: summed up in the same order as those of a row are, as then rounding keeps what
  /// is not more not more.
  @inline(__always)
  func pointsAtMost(standing most: Double, resourceScore: Double) -> Double {
    most + weights.resources * resourceScore + mostOfDomain
  }
}

/// The numbers of the lanes of a vector whose bits are set.
struct Lanes: Sequence, IteratorProtocol {
  private let first: Int
  private var bits: UInt32

  @inline(__always)
  init(_ vector: Int, _ bits: UInt32) {
    first = vector * Ceilings.lanes
    self.bits = bits
  }

  @inline(__always)
  mutating func next() -> Int? {
    guard bits != 0 else { return nil }
    let lane = bits.trailingZeroBitCount
    bits &= bits - 1
    return first + lane
  }
}
