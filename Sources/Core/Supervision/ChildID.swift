public import ClusterModel

/// The name of a child, unique within its supervisor: a part of a path such as `main/events/router`.
public struct ChildID: ValidatedText, ExpressibleByStringLiteral {
  public static let kind = "name of a child"
  public static let rule = "1 to 63 of a-z, 0-9 and '-'"
  public let text: String

  public init(unchecked text: String) { self.text = text }

  /// A name written in the code; that it breaks the rule is a bug.
  public init(stringLiteral text: String) {
    precondition(Self.isValid(text), "\"\(text)\" is not a valid \(Self.kind): \(Self.rule)")
    self.text = text
  }

  public static func isValid(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
      }
  }
}

/// One life of a child. A report about an earlier life than the present one changes nothing.
public struct ChildIncarnation: Hashable, Sendable, CustomStringConvertible {
  public let child: ChildID
  /// 1 for the first start, one more with each further one.
  public let number: Int

  public init(_ child: ChildID, _ number: Int) {
    self.child = child
    self.number = number
  }

  public var description: String { "\(child)#\(number)" }
}
