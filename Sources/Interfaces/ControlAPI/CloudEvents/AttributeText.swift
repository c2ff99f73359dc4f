/// What RFC 3986 allows in URIs.
enum URIText {
  /// Whether it could be a URI or a relative reference: allowed characters, whole percent-escapes.
  static func isReference(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%") {
        guard index + 2 < bytes.count, isHexadecimal(bytes[index + 1]),
          isHexadecimal(bytes[index + 2])
        else { return false }
        index += 3
      } else {
        guard isAllowed(bytes[index]) else { return false }
        index += 1
      }
    }
    return !bytes.isEmpty
  }

  /// Whether it is a reference that begins with a scheme.
  static func isAbsolute(_ text: String) -> Bool {
    guard isReference(text), let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
      return false
    }
    let scheme = text.utf8[..<colon]
    guard let first = scheme.first, isLetter(first) else { return false }
    return scheme.allSatisfy {
      isLetter($0) || isDigit($0) || [0x2b, 0x2d, 0x2e].contains($0)
    }
  }

  private static let marks = Set("-._~:/?#[]@!$&'()*+,;=".utf8)

  private static func isAllowed(_ byte: UInt8) -> Bool {
    isLetter(byte) || isDigit(byte) || marks.contains(byte)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }
}

/// A media type (RFC 2046), with its parameters.
struct MediaType {
  /// In lower case, without parameters: `application/json`.
  let essence: String
  /// In lower case; `nil` when it is not given.
  let charset: String?

  init?(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
    let essence = parts[0].trimmed.lowercased()
    let names = essence.split(separator: "/", omittingEmptySubsequences: false)
    guard names.count == 2, names.allSatisfy({ Self.isToken($0) }) else { return nil }
    var charset: String?
    for part in parts.dropFirst() {
      let pair = part.trimmed.split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, Self.isToken(pair[0]), !pair[1].isEmpty else { return nil }
      if pair[0].lowercased() == "charset" {
        charset = pair[1].lowercased().filter { $0 != "\"" }
      }
    }
    self.essence = essence
    self.charset = charset
  }

  /// Whether data of this type is JSON.
  var isJSON: Bool {
    essence.hasSuffix("/json") || essence.hasSuffix("+json")
  }

  private static let tokenMarks = Set("!#$%&'*+-.^_`|~".utf8)

  private static func isToken(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || tokenMarks.contains(byte)
      }
  }
}

extension Substring {
  /// Without spaces and tabs at both ends.
  var trimmed: Substring {
    var text = self
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
