/// How a new value is made of the present one and an operand. Each is a function of these two alone, so
/// that the store can carry it out.
public enum MergeFunction: String, Hashable, Sendable, Codable, CaseIterable {
  /// Decimal integers of 64 bits: their sum. What is missing is 0.
  case add
  /// Decimal integers of 64 bits: the larger one.
  case maximum = "max"
  /// Decimal integers of 64 bits: the smaller one.
  case minimum = "min"
  /// Bytes: the operand behind what is there.
  case append

  /// - Throws: ``Problem`` `merge_impossible`: one of them is no integer, or the sum is too large.
  public func merge(_ present: [UInt8]?, with operand: [UInt8]) throws(Problem) -> [UInt8] {
    switch self {
    case .append: return (present ?? []) + operand
    case .add:
      let (sum, overflow) = try number(present ?? [0x30])
        .addingReportingOverflow(try number(operand))
      guard !overflow else { throw impossible("the sum does not fit into 64 bits") }
      return Array(String(sum).utf8)
    case .maximum: return try choose(present, operand, max)
    case .minimum: return try choose(present, operand, min)
    }
  }

  private func choose(
    _ present: [UInt8]?, _ operand: [UInt8], _ better: (Int64, Int64) -> Int64
  ) throws(Problem) -> [UInt8] {
    let new = try number(operand)
    guard let present else { return Array(String(new).utf8) }
    return Array(String(better(try number(present), new)).utf8)
  }

  private func number(_ bytes: [UInt8]) throws(Problem) -> Int64 {
    guard let number = Int64(String(decoding: bytes, as: UTF8.self)) else {
      throw impossible("\"\(String(decoding: bytes.prefix(40), as: UTF8.self))\" is no integer")
    }
    return number
  }

  private func impossible(_ cause: String) -> Problem {
    Problem(
      .conflict, code: "merge_impossible", "the values cannot be merged by \(rawValue)",
      cause: cause, next: "Look at what is there with `wasmatrix state get`.")
  }
}
