/// A text that is compared byte by byte, without Unicode normalization, as levels of topics are. Two
/// patterns are the same only when they match the same events.
public struct PatternText: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let text: String

  public init(_ text: String) { self.text = text }

  public var description: String { text }

  public static func == (left: Self, right: Self) -> Bool {
    // The first comparison is fast, and true for texts that only look alike, too.
    left.text == right.text && left.text.utf8.elementsEqual(right.text.utf8)
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(text) }

  public static func < (left: Self, right: Self) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }
}
