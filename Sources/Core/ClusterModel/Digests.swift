/// Lower-case hexadecimal text of bytes, and back.
public enum Hexadecimal {
  /// Two lower-case digits a byte.
  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of `text`; `nil` when it is not an even number of lower-case digits.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text.utf8 {
      let value: UInt8
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = character - UInt8(ascii: "a") + 10
      case _: return nil
      }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return high == nil ? bytes : nil
  }
}

/// The SHA-256 of a module without its signature section: what a version *is*, whoever signed it.
/// Written `sha256:` and 64 lower-case hexadecimal digits.
public struct ModuleDigest: ValidatedText {
  public static let kind = "module digest"
  public static let rule = "\"sha256:\" and 64 lower-case hexadecimal digits"
  private static let prefix = "sha256:"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  /// - Parameter sha256: exactly 32 bytes.
  public init(sha256: some Collection<UInt8>) {
    precondition(sha256.count == 32, "a SHA-256 has 32 bytes")
    self.init(unchecked: Self.prefix + Hexadecimal.encode(sha256))
  }

  public static func isValid(_ text: String) -> Bool {
    text.hasPrefix(prefix) && Hexadecimal.decode(text.dropFirst(prefix.count))?.count == 32
  }

  /// The 64 hexadecimal digits.
  public var hexadecimal: String {
    String(Substring(text.utf8.dropFirst(Self.prefix.utf8.count)))
  }
  /// The first 12 digits: enough for people.
  public var short: String { String(hexadecimal.prefix(12)) }
}

/// Names a public key: the first 16 bytes of the SHA-256 of its 33-byte serialised form
/// (the algorithm's identifier, then the key), in hexadecimal.
public struct KeyID: ValidatedText {
  public static let kind = "key id"
  public static let rule = "32 lower-case hexadecimal digits"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  public static func isValid(_ text: String) -> Bool {
    Hexadecimal.decode(text)?.count == 16
  }
}
