/// Where an event is published: levels separated by `/`, as in MQTT.
public struct Topic: ValidatedText {
  public static let kind = "topic"
  public static let rule =
    "1 to 512 bytes without '+', '#' and control characters; levels are separated by '/'"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  public static func isValid(_ text: String) -> Bool {
    (1...512).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "#")
      }
  }

  /// The levels, first one first. Empty levels count.
  public var levels: [Substring] { topicLevels(of: text) }

  /// Whether it is one of the platform's own: it begins with `$`.
  public var isPlatformOwn: Bool { text.utf8.first == UInt8(ascii: "$") }
}

/// Cuts at the bytes of `/`, as MQTT does. Characters would not do: a combining mark after a `/` makes
/// another character of it.
private func topicLevels(of text: String) -> [Substring] {
  text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    .map { Substring($0) }
}

/// Which topics a trigger wants: a topic whose levels may be `+` (any one level), and whose last
/// may be `#` (this level and everything below, including the parent itself), as in MQTT.
public struct TopicFilter: ValidatedText {
  public static let kind = "topic filter"
  public static let rule =
    "1 to 512 bytes without control characters; '+' stands alone in its level, '#' alone in the last"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  public static func isValid(_ text: String) -> Bool {
    guard (1...512).contains(text.utf8.count),
      text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
    else { return false }
    let levels = topicLevels(of: text)
    return levels.indices.allSatisfy { index in
      let level = levels[index]
      if level == "#" { return index == levels.count - 1 }
      return level == "+" || !level.utf8.contains { $0 == 0x2b || $0 == 0x23 }
    }
  }

  /// The levels, first one first. Empty levels count.
  public var levels: [Substring] { topicLevels(of: text) }

  /// Whether `topic` is wanted. A topic that begins with `$` is the platform's own: no wildcard in
  /// the first level reaches it. Levels are compared byte by byte, without normalization, as in MQTT.
  public func matches(_ topic: Topic) -> Bool {
    let wanted = levels
    let given = topic.levels
    if topic.isPlatformOwn, wanted[0] == "+" || wanted[0] == "#" { return false }
    for (index, level) in wanted.enumerated() {
      if level == "#" { return true }
      guard index < given.count, level == "+" || level.utf8.elementsEqual(given[index].utf8)
      else { return false }
    }
    return wanted.count == given.count
  }
}
