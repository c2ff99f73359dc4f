internal import FoundationEssentials

/// Bytes in JSON: `{"size": 2, "base64": "aGk=", "text": "hi"}`. The base64 form is the truth; the
/// text is there for people, when the bytes are UTF-8.
public struct BytesResource: Hashable, Sendable {
  public var bytes: [UInt8]
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The bytes as text; `nil` when they are not UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }
}

extension BytesResource: Codable {
  private enum CodingKeys: String, CodingKey { case size, base64, text }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guard let bytes = Base64.decode(try container.decode(String.self, forKey: .base64)) else {
      throw DecodingError.dataCorruptedError(
        forKey: .base64, in: container, debugDescription: "not base64")
    }
    self.bytes = bytes
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(bytes.count, forKey: .size)
    try container.encode(Base64.encode(bytes), forKey: .base64)
    try container.encodeIfPresent(text, forKey: .text)
  }
}

/// Base64 as RFC 4648, section 4, has it: padded, nothing between the digits.
public enum Base64 {
  public static func encode(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString()
  }

  /// `nil` when it is not base64.
  public static func decode(_ text: String) -> [UInt8]? {
    Data(base64Encoded: text).map { [UInt8]($0) }
  }
}
