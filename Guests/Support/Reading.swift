// One reading of a sensor, and how it is read and written.
// Temperatures are whole thousandths of a degree: exact, and without floating point.

/// A month's mean temperature.
struct Reading {
  var year: Int
  var month: Int
  /// Thousandths of a degree Celsius.
  var temperature: Int
}

/// Reads bytes from the left; each step says whether it found what was asked for.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position == bytes.endIndex }

  mutating func skipBlanks() {
    while let byte = peek(), byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
      position += 1
    }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  mutating func take(_ text: StaticString) -> Bool {
    let start = position
    for byte in text.bytes where !take(byte) {
      position = start
      return false
    }
    return true
  }

  /// A whole number of 1 to `maximumDigits` digits.
  mutating func number(maximumDigits: Int) -> Int? {
    var value = 0
    var digits = 0
    while digits < maximumDigits, let byte = peek(),
      byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9")
    {
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
      digits += 1
      position += 1
    }
    return digits > 0 ? value : nil
  }

  /// A decimal number as whole thousandths; further decimals are cut off.
  mutating func thousandths() -> Int? {
    let isNegative = take(UInt8(ascii: "-"))
    guard let whole = number(maximumDigits: 5) else { return nil }
    var fraction = 0
    if take(UInt8(ascii: ".")) {
      var scale = 100
      var digits = 0
      while let digit = number(maximumDigits: 1) {
        fraction += digit * scale
        scale /= 10
        digits += 1
      }
      guard digits > 0 else { return nil }
    }
    let value = whole * 1000 + fraction
    return isNegative ? -value : value
  }

  private func peek() -> UInt8? {
    position < bytes.endIndex ? bytes[position] : nil
  }
}

extension Reading {
  /// `1997,12,28.290`: year, month, degrees Celsius, with blanks around them or not.
  init?(commaSeparated line: ArraySlice<UInt8>) {
    let comma = UInt8(ascii: ",")
    var reader = ByteReader(line)
    reader.skipBlanks()
    guard let year = reader.number(maximumDigits: 4) else { return nil }
    reader.skipBlanks()
    guard reader.take(comma) else { return nil }
    reader.skipBlanks()
    guard let month = reader.number(maximumDigits: 2) else { return nil }
    reader.skipBlanks()
    guard reader.take(comma) else { return nil }
    reader.skipBlanks()
    guard let temperature = reader.thousandths() else { return nil }
    reader.skipBlanks()
    _ = reader.take(UInt8(ascii: "\r"))
    guard reader.isAtEnd else { return nil }
    self.init(year: year, month: month, temperature: temperature)
  }

  /// The object that `writeJSON` writes, and that alone.
  init?(json: ArraySlice<UInt8>) {
    var reader = ByteReader(json)
    guard reader.take("{\"year\":"), let year = reader.number(maximumDigits: 4),
      reader.take(",\"month\":"), let month = reader.number(maximumDigits: 2),
      reader.take(",\"celsius\":"), let temperature = reader.thousandths(),
      reader.take("}"), reader.isAtEnd
    else { return nil }
    self.init(year: year, month: month, temperature: temperature)
  }

  func writeJSON(to output: inout [UInt8]) {
    output += "{\"year\":".utf8
    output.append(decimal: year)
    output += ",\"month\":".utf8
    output.append(decimal: month)
    output += ",\"celsius\":".utf8
    output.append(thousandths: temperature)
    output += "}".utf8
  }
}

extension [UInt8] {
  mutating func append(decimal value: Int) {
    if value < 0 { append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    var digits: [UInt8] = []
    repeat {
      digits.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    append(contentsOf: digits.reversed())
  }

  /// With three decimals: 28290 is `28.290`.
  mutating func append(thousandths value: Int) {
    if value < 0 { append(UInt8(ascii: "-")) }
    let magnitude = Int(value.magnitude)
    append(decimal: magnitude / 1000)
    append(UInt8(ascii: "."))
    let fraction = magnitude % 1000
    if fraction < 100 { append(UInt8(ascii: "0")) }
    if fraction < 10 { append(UInt8(ascii: "0")) }
    append(decimal: fraction)
  }
}
