/// A JSON value, written down in Swift.
indirect enum JSONTree: Sendable, Equatable {
  case bool(Bool)
  case integer(Int)
  case string(String)
  case array([JSONTree])
  case object([String: JSONTree])

  /// Adds members to an object.
  func with(_ members: [String: JSONTree]) -> JSONTree {
    guard case .object(let own) = self else { return self }
    return .object(own.merging(members) { _, new in new })
  }
}

extension JSONTree: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  init(stringLiteral text: String) { self = .string(text) }
  init(integerLiteral number: Int) { self = .integer(number) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
  init(dictionaryLiteral members: (String, JSONTree)...) {
    self = .object(Dictionary(members, uniquingKeysWith: { _, last in last }))
  }
}

extension JSONTree: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .bool(let value): try container.encode(value)
    case .integer(let number): try container.encode(number)
    case .string(let text): try container.encode(text)
    case .array(let elements): try container.encode(elements)
    case .object(let members): try container.encode(members)
    }
  }
}
