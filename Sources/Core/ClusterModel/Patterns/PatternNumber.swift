/// A finite number as patterns compare it: by its value, exactly. 1 and 1.0 are the same, and an integer
/// that no `Double` can hold is still told from its neighbours.
public struct PatternNumber: Hashable, Comparable, Sendable {
  private enum Storage: Hashable, Sendable {
    case integer(Int64)
    /// Never one that is an `Int64`, so that each value is stored in one way only.
    case double(Double)
  }

  private let storage: Storage

  public init(_ value: Int64) { storage = .integer(value) }

  /// - Returns: `nil` for what is infinite or no number.
  public init?(_ value: Double) {
    guard value.isFinite else { return nil }
    storage = Int64(exactly: value).map { .integer($0) } ?? .double(value)
  }

  public var json: JSONValue {
    switch storage {
    case .integer(let value): .integer(value)
    case .double(let value): .number(value)
    }
  }

  public static func < (left: Self, right: Self) -> Bool {
    switch (left.storage, right.storage) {
    case (.integer(let left), .integer(let right)): left < right
    case (.double(let left), .double(let right)): left < right
    case (.integer(let left), .double(let right)): isLess(left, right)
    // The two are never equal.
    case (.double(let left), .integer(let right)): !isLess(right, left)
    }
  }

  /// Compares without rounding the integer to a `Double`.
  private static func isLess(_ integer: Int64, _ double: Double) -> Bool {
    // 2^63 is a Double, the largest Int64 is not.
    if double >= 0x1p63 { return true }
    if double < -0x1p63 { return false }
    let whole = double.rounded(.down)
    // At or below its whole part it is below the fraction; equal to it, only when there is one.
    return integer < Int64(whole) || integer == Int64(whole) && whole < double
  }
}

/// A value of JSON without parts, as patterns compare it.
public enum PatternScalar: Hashable, Sendable {
  case null
  case bool(Bool)
  case number(PatternNumber)
  case text(PatternText)

  /// - Returns: `nil` for arrays, objects, and numbers that are not finite.
  public init?(_ value: JSONValue) {
    switch value {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .number(PatternNumber(value))
    case .number(let value):
      guard let number = PatternNumber(value) else { return nil }
      self = .number(number)
    case .string(let value): self = .text(PatternText(value))
    case .array, .object: return nil
    }
  }

  public var json: JSONValue {
    switch self {
    case .null: .null
    case .bool(let value): .bool(value)
    case .number(let value): value.json
    case .text(let value): .string(value.text)
    }
  }
}

/// Numbers between two bounds, of which at least one is there; never empty.
public struct NumberRange: Hashable, Sendable {
  public struct Bound: Hashable, Sendable {
    public let number: PatternNumber
    /// Whether the number itself is within.
    public let isIncluded: Bool

    public init(_ number: PatternNumber, isIncluded: Bool) {
      self.number = number
      self.isIncluded = isIncluded
    }
  }

  public let lower: Bound?
  public let upper: Bound?

  /// - Returns: `nil` when no number could be within, or every one.
  public init?(lower: Bound?, upper: Bound?) {
    if lower == nil && upper == nil { return nil }
    if let lower, let upper {
      guard lower.number <= upper.number else { return nil }
      if lower.number == upper.number, !(lower.isIncluded && upper.isIncluded) { return nil }
    }
    self.lower = lower
    self.upper = upper
  }

  /// Whether the range does not begin above `number`.
  public func begins(atOrBelow number: PatternNumber) -> Bool {
    guard let lower else { return true }
    return lower.isIncluded ? lower.number <= number : lower.number < number
  }

  /// Whether the range does not end below `number`.
  public func ends(atOrAbove number: PatternNumber) -> Bool {
    guard let upper else { return true }
    return upper.isIncluded ? upper.number >= number : upper.number > number
  }

  public func contains(_ number: PatternNumber) -> Bool {
    begins(atOrBelow: number) && ends(atOrAbove: number)
  }
}
