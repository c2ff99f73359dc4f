/// A deterministic source of randomness (SplitMix64). Each purpose has a stream of its own, so that one
/// more draw for one does not change all the others.
public struct SimulationRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// A stream for a purpose.
  public init(seed: UInt64, stream: UInt64) {
    var mixer = SimulationRandom(seed: seed ^ (stream &* 0xd134_2543_de82_ef95))
    state = mixer.next()
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }

  /// Whether something of this probability happens.
  mutating func happens(_ probability: Double) -> Bool {
    Double(next() >> 11) < probability * 9_007_199_254_740_992
  }

  /// Anything from nothing to a bound.
  mutating func duration(upTo bound: Duration) -> Duration {
    .nanoseconds(Int64(next() % UInt64(max(1, bound.nanosecondCount))))
  }

  mutating func duration(in range: ClosedRange<Duration>) -> Duration {
    range.lowerBound + duration(upTo: range.upperBound - range.lowerBound)
  }

  mutating func number(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * Double(next() >> 11)
      / 9_007_199_254_740_992
  }

  /// A waiting time for something that happens so often on average: not all at the same distance.
  mutating func interval(mean: Duration) -> Duration {
    let share = number(in: 0.05...1.95)
    return .nanoseconds(Int64(Double(mean.nanosecondCount) * share))
  }

  /// From 0 to one below the bound.
  mutating func index(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func element<Element>(of elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[index(below: elements.count)]
  }
}

extension Duration {
  var nanosecondCount: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}
