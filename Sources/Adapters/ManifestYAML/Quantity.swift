import ClusterModel

/// What a size or a duration may be: its units, its range and an example.
struct Quantity {
  /// With its article: "a size".
  let noun: String
  /// Each with its worth in bytes or nanoseconds.
  let units: [(name: String, worth: Int64)]
  let maximumDecimals: Int
  let range: ClosedRange<Int64>
  /// The range and an example, for messages.
  let allowed: String

  enum Reading: Equatable {
    case value(Int64)
    case notSuch, withoutUnit, tooSmall, tooLarge
  }

  static func size(_ range: ClosedRange<ByteCount>, like example: ByteCount) -> Self {
    Quantity(
      noun: "a size",
      units: [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1000),
        ("MB", 1_000_000), ("GB", 1_000_000_000),
      ],
      maximumDecimals: 0, range: Int64(range.lowerBound.bytes)...Int64(range.upperBound.bytes),
      allowed: "\(range.lowerBound) to \(range.upperBound), like \(example)")
  }

  static func duration(_ range: ClosedRange<Duration>, like example: Duration) -> Self {
    let (shortest, longest) = (text(of: range.lowerBound), text(of: range.upperBound))
    return Quantity(
      noun: "a duration", units: durationUnits, maximumDecimals: 3,
      range: range.lowerBound.nanoseconds...range.upperBound.nanoseconds,
      allowed: "\(shortest) to \(longest), like \(text(of: example))")
  }

  private static let durationUnits: [(name: String, worth: Int64)] = [
    ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
  ]

  /// The largest unit that leaves a whole number: `100ms`, `10m`.
  static func text(of duration: Duration) -> String {
    let nanoseconds = duration.nanoseconds
    let unit = durationUnits.last { nanoseconds != 0 && nanoseconds % $0.worth == 0 }
    guard let unit else { return "\(nanoseconds / 1000)us" }
    return "\(nanoseconds / unit.worth)\(unit.name)"
  }

  /// Digits, for durations up to three decimals, and directly behind them the unit.
  func read(_ text: String) -> Reading {
    let isNegative = text.hasPrefix("-")
    let digits = Substring(text).utf8.dropFirst(isNegative ? 1 : 0)
    let number = digits.prefix { CharacterSets.isDigit($0) || $0 == UInt8(ascii: ".") }
    let parts = number.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), !parts.contains(where: \.isEmpty) else { return .notSuch }
    let decimals = parts.count == 2 ? [UInt8](parts[1]) : []
    guard decimals.count <= maximumDecimals else { return .notSuch }

    let unitName = digits.dropFirst(number.count)
    if unitName.isEmpty { return .withoutUnit }
    guard let unit = units.first(where: { $0.name.utf8.elementsEqual(unitName) }) else {
      return .notSuch
    }
    if isNegative { return .tooSmall }
    return inRange(whole: [UInt8](parts[0]), decimals: decimals, worth: unit.worth)
  }

  private func inRange(whole: [UInt8], decimals: [UInt8], worth: Int64) -> Reading {
    var value: Int64 = 0
    var scale: Int64 = 1
    for digit in whole + decimals {
      let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tenfold.addingReportingOverflow(Int64(digit - 0x30))
      if overflow || carry { return .tooLarge }
      value = sum
    }
    for _ in decimals { scale *= 10 }
    // Exact: a unit with decimals is worth at least 1000 of the smallest there is.
    let (scaled, overflow) = value.multipliedReportingOverflow(by: worth / scale)
    if overflow || scaled > range.upperBound { return .tooLarge }
    return scaled < range.lowerBound ? .tooSmall : .value(scaled)
  }
}
