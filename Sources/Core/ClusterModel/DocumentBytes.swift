/// Bytes in a document: a list of numbers, or hexadecimal digits for readers that are known to take them, which
/// is many times quicker. Both are read.
@propertyWrapper
public struct DocumentBytes: Hashable, Sendable, Codable {
  public var wrappedValue: [UInt8]

  public init(wrappedValue: [UInt8]) { self.wrappedValue = wrappedValue }

  /// Of an encoder whose bytes are to be digits, to be set to `true`.
  public static let areDigits = CodingUserInfoKey(rawValue: "wasmatrix.bytes-are-digits")

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let text = try? container.decode(String.self) else {
      wrappedValue = try container.decode([UInt8].self)
      return
    }
    guard let bytes = Hexadecimal.decode(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "these are no hexadecimal digits")
    }
    wrappedValue = bytes
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let key = Self.areDigits, encoder.userInfo[key] as? Bool == true {
      try container.encode(Hexadecimal.encode(wrappedValue))
    } else {
      try container.encode(wrappedValue)
    }
  }
}
