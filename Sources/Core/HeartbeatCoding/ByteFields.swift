/// Reads numbers, little-endian, one after the other, and never past the end.
struct ByteFields {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: some Sequence<UInt8>) { rest = ArraySlice(bytes) }

  /// `nil` when there are too few bytes left.
  mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type) -> Number?
  {
    let size = Number.bitWidth / 8
    guard rest.count >= size else { return nil }
    var number = Number.zero
    for byte in rest.prefix(size).reversed() { number = number << 8 | Number(byte) }
    rest = rest.dropFirst(size)
    return number
  }
}

extension [UInt8] {
  /// Little-endian.
  mutating func append(number: some FixedWidthInteger & UnsignedInteger) {
    var rest = number
    for _ in 0..<(number.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }
}
