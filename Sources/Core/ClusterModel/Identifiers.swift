/// A text that was checked when it was made, so that whoever holds one need not check it again.
public protocol ValidatedText: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  /// What the text is, for messages: "module name".
  static var kind: String { get }
  /// What is allowed, for messages.
  static var rule: String { get }
  /// Whether `text` follows the rule.
  static func isValid(_ text: String) -> Bool
  /// The checked text.
  var text: String { get }
  /// Wraps a text that is known to be valid.
  init(unchecked text: String)
}

/// A text broke the rule of the type it was meant for.
public struct InvalidText: Error, Hashable, Sendable, CustomStringConvertible {
  /// What the text should have been: "module name".
  public let kind: String
  /// The offending text, cut to 80 characters.
  public let text: String
  /// What is allowed.
  public let rule: String

  public var description: String { "\"\(text)\" is not a valid \(kind): \(rule)" }
}

extension ValidatedText {
  /// - Throws: ``InvalidText`` when `text` breaks the rule of this type.
  public init(_ text: String) throws(InvalidText) {
    guard Self.isValid(text) else {
      throw InvalidText(kind: Self.kind, text: String(text.prefix(80)), rule: Self.rule)
    }
    self.init(unchecked: text)
  }

  public var description: String { text }

  public static func < (left: Self, right: Self) -> Bool { left.text < right.text }

  public init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// The rule that names of things people write share: a DNS label.
enum NameRule {
  static let text =
    "1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or a digit"

  static func isValid(_ name: String) -> Bool {
    let bytes = name.utf8
    guard (1...63).contains(bytes.count), bytes.first != dash, bytes.last != dash else {
      return false
    }
    return bytes.allSatisfy { isLowerAlphanumeric($0) || $0 == dash }
  }

  private static let dash = UInt8(ascii: "-")

  static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

/// The space that names live in. `default` until there are more.
public struct Namespace: ValidatedText {
  public static let kind = "namespace"
  public static let rule = NameRule.text
  /// The namespace of everything that names none.
  public static let `default` = Namespace(unchecked: "default")
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// The name of a module in its namespace, and of its deployment.
public struct ModuleName: ValidatedText {
  public static let kind = "module name"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// The name of an application: the modules that one manifest deploys together.
public struct ApplicationName: ValidatedText {
  public static let kind = "application name"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// What modules name that share events.
public struct GroupName: ValidatedText {
  public static let kind = "group name"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// The name of a node.
public struct NodeID: ValidatedText {
  public static let kind = "node id"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// The label of one immutable state of a module.
public struct ModuleVersion: ValidatedText {
  public static let kind = "version"
  public static let rule =
    "1 to 100 of A-Z, a-z, 0-9, '.', '_', '+' and '-', beginning with a letter or a digit"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  public static func isValid(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (1...100).contains(bytes.count), let first = bytes.first else { return false }
    return isAlphanumeric(first) && bytes.allSatisfy { isAlphanumeric($0) || marks.contains($0) }
  }

  private static let marks: [UInt8] = [".", "_", "+", "-"].map { UInt8(ascii: $0) }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    NameRule.isLowerAlphanumeric(byte)
      || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }
}
