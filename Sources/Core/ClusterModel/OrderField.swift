/// What of an event says which others it must stay in order with: an attribute, or a field of its data.
public struct OrderField: ValidatedText {
  public static let kind = "field to order by"
  public static let rule =
    "an attribute of events, like subject, or a path into their data, like data.sensor.id; "
    + "at most 512 bytes and 16 levels"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  public static func isValid(_ text: String) -> Bool {
    guard (1...512).contains(text.utf8.count),
      text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
    else { return false }
    let levels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard levels[0] == "data" else {
      return levels.count == 1 && (attributes.contains(text) || EventRules.isExtensionName(text))
    }
    return levels.count <= 17 && levels.allSatisfy { !$0.isEmpty }
  }

  private static let attributes: Set<String> = [
    "id", "source", "type", "topic", "subject", "datacontenttype", "dataschema",
  ]

  /// Whether it looks into the data.
  public var usesData: Bool { text == "data" || text.hasPrefix("data.") }

  /// What an event says there; `nil` when it is absent, an object or an array: then the event is in no order.
  ///
  /// - Parameter data: what the data says as JSON.
  public func key(of event: Event, data: JSONValue?) -> OrderKey? {
    switch text {
    case "id": return OrderKey(event.id)
    case "source": return OrderKey(event.source)
    case "type": return OrderKey(event.type)
    case "topic": return OrderKey(event.topic.text)
    case "subject": return event.subject.map { OrderKey($0) }
    case "datacontenttype": return event.dataContentType.map { OrderKey($0) }
    case "dataschema": return event.dataSchema.map { OrderKey($0) }
    case _ where usesData: break
    case _: return event.attribute(text).map { OrderKey($0) }
    }
    var value = data
    for level in text.split(separator: ".").dropFirst() {
      guard case .object(let members)? = value else { return nil }
      value = members[String(level)]
    }
    return switch value {
    case .string(let text)?: OrderKey(text)
    case .integer(let number)?: OrderKey("\(number)")
    case .number(let number)?: OrderKey("\(number)")
    case .bool(let bool)?: OrderKey("\(bool)")
    case nil, .null, .array, .object: nil
    }
  }
}

/// What events have in common that one module gets in order.
public struct OrderKey: Hashable, Sendable {
  /// Longer ones are cut: events of which only the rest differs are kept in order as well.
  public static let maximumLength = 256
  public let text: String

  public init(_ text: String) {
    self.text =
      text.utf8.count <= Self.maximumLength
      ? text : String(decoding: text.utf8.prefix(Self.maximumLength), as: UTF8.self)
  }
}
