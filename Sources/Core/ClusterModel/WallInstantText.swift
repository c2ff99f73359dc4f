/// RFC 3339 in UTC with microseconds, for example `2026-11-23T12:44:25.000125Z`.
extension WallInstant: CustomStringConvertible, Codable {
  public var description: String {
    let second = microseconds.flooredDivision(by: 1_000_000)
    let fraction = microseconds - second * 1_000_000
    let day = second.flooredDivision(by: 86_400)
    let ofDay = second - day * 86_400
    let (year, month, dayOfMonth) = Self.civil(daysSinceEpoch: day)
    return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(dayOfMonth, 2) + "T"
      + padded(ofDay / 3600, 2) + ":" + padded(ofDay / 60 % 60, 2) + ":" + padded(ofDay % 60, 2)
      + "." + padded(fraction, 6) + "Z"
  }

  /// Reads RFC 3339 text with any offset and 0 to 9 digits of fraction; `nil` when it is not such.
  public init?(_ text: String) {
    var scanner = DigitScanner(text)
    guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2),
      scanner.skip("-"), let day = scanner.number(2), scanner.skip("Tt"),
      let hour = scanner.number(2), scanner.skip(":"), let minute = scanner.number(2),
      scanner.skip(":"), let second = scanner.number(2)
    else { return nil }
    guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
    else { return nil }
    let days = Self.daysSinceEpoch(year: year, month: month, day: day)
    guard Self.civil(daysSinceEpoch: days) == (year, month, day) else { return nil }
    guard let fraction = scanner.fraction(), let offset = scanner.offset(), scanner.atEnd else {
      return nil
    }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let instant = WallInstant(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not a time in the form of RFC 3339")
    }
    self = instant
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// The proleptic Gregorian date of a day number, by counting from 1 March of year 0 in cycles of
  /// 400 years (146,097 days), so that the leap day comes last.
  private static func civil(daysSinceEpoch: Int64) -> (Int64, Int64, Int64) {
    let day = daysSinceEpoch + 719_468
    let era = day.flooredDivision(by: 146_097)
    let ofEra = day - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * ofYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, ofYear - (153 * shifted + 2) / 5 + 1)
  }

  private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = shiftedYear.flooredDivision(by: 400)
    let yearOfEra = shiftedYear - era * 400
    let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear - 719_468
  }

  private func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension Int64 {
  func flooredDivision(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}

private struct DigitScanner {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = Substring(text).utf8 }

  var atEnd: Bool { rest.isEmpty }

  mutating func number(_ width: Int) -> Int64? {
    guard rest.count >= width else { return nil }
    var value: Int64 = 0
    for _ in 0..<width {
      guard let byte = rest.popFirst(), (48...57).contains(byte) else { return nil }
      value = value * 10 + Int64(byte - 48)
    }
    return value
  }

  mutating func skip(_ allowed: String) -> Bool {
    guard let byte = rest.first, allowed.utf8.contains(byte) else { return false }
    rest.removeFirst()
    return true
  }

  /// Microseconds; digits past the sixth are cut off.
  mutating func fraction() -> Int64? {
    guard skip(".") else { return 0 }
    var value: Int64 = 0
    var count = 0
    while let byte = rest.first, (48...57).contains(byte) {
      rest.removeFirst()
      if count < 6 { value = value * 10 + Int64(byte - 48) }
      count += 1
    }
    guard (1...9).contains(count) else { return nil }
    for _ in min(count, 6)..<6 { value *= 10 }
    return value
  }

  /// Seconds east of UTC.
  mutating func offset() -> Int64? {
    if skip("Zz") { return 0 }
    let sign: Int64
    if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
    guard let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60
    else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }
}
