/// Reads bytes one after the other, and never past the end.
struct ByteCursor {
  private let bytes: ArraySlice<UInt8>
  private(set) var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position == bytes.endIndex }
  var remaining: Int { bytes.endIndex - position }

  /// `nil` at the end.
  mutating func byte() -> UInt8? {
    guard position < bytes.endIndex else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  /// `nil` when there are fewer left.
  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= remaining else { return nil }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// An unsigned LEB128 number of at most 32 bits; `nil` when it is cut off, too long or too large.
  ///
  /// - Parameter canonical: whether a longer form than needed is refused too.
  mutating func unsigned32(canonical: Bool) -> Int? {
    var value: UInt64 = 0
    for index in 0..<5 {
      guard let byte = byte() else { return nil }
      value |= UInt64(byte & 0x7f) << (7 * UInt64(index))
      guard byte & 0x80 == 0 else { continue }
      guard value <= UInt64(UInt32.max) else { return nil }
      if canonical && index > 0 && byte == 0 { return nil }
      return Int(value)
    }
    return nil
  }
}

/// The shortest unsigned LEB128 form of a number.
func canonicalLEB128(_ number: Int) -> [UInt8] {
  var rest = UInt32(number)
  var bytes: [UInt8] = []
  repeat {
    let low = UInt8(rest & 0x7f)
    rest >>= 7
    bytes.append(rest == 0 ? low : low | 0x80)
  } while rest != 0
  return bytes
}
