/// Orders everything a control plane ever decides. The term is raised durably at each start and
/// restore, the counter with each decision, so that what is older is known as such, whoever sends it.
public struct PlanVersion: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  public var term: UInt64
  public var counter: UInt64

  public init(term: UInt64, counter: UInt64) {
    self.term = term
    self.counter = counter
  }

  /// Before everything that was ever decided.
  public static let zero = PlanVersion(term: 0, counter: 0)

  public static func < (left: Self, right: Self) -> Bool {
    (left.term, left.counter) < (right.term, right.counter)
  }

  /// `3.17`: the 17th decision of the 3rd term.
  public var description: String { "\(term).\(counter)" }
}
