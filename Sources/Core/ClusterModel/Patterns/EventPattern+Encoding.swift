// The JSON of a pattern: what it was made of, with ranges in one order. The same pattern is always the same
// JSON, and that makes the same pattern again.
extension EventPattern: Codable {
  public var json: JSONValue { root.json }

  public init(from decoder: any Decoder) throws {
    try self.init(try JSONValue(from: decoder))
  }

  public func encode(to encoder: any Encoder) throws { try json.encode(to: encoder) }
}

extension EventPattern.Group {
  fileprivate var json: JSONValue {
    var members: [String: JSONValue] = [:]
    for field in fields { members[field.name.text] = field.condition.json }
    if !alternatives.isEmpty {
      members[EventPattern.alternativesField] = .array(alternatives.map(\.json))
    }
    return .object(members)
  }
}

extension EventPattern.Condition {
  fileprivate var json: JSONValue {
    switch self {
    case .anyOf(let tests): .array(tests.map(\.json))
    case .nested(let group): group.json
    }
  }
}

extension EventPattern.Test {
  fileprivate var json: JSONValue {
    switch self {
    case .equals(let scalar): scalar.json
    case .prefix(let text): .object(["prefix": .string(text.text)])
    case .suffix(let text): .object(["suffix": .string(text.text)])
    case .equalsIgnoreCase(let text): .object(["equals-ignore-case": .string(text.text)])
    case .wildcard(let wildcard): .object(["wildcard": .string(wildcard.text)])
    case .numeric(let range): .object(["numeric": range.json])
    case .exists(let isWanted): .object(["exists": .bool(isWanted)])
    case .anythingBut(let exclusion): .object(["anything-but": exclusion.json])
    }
  }
}

extension EventPattern.Exclusion {
  fileprivate var json: JSONValue {
    switch self {
    case .value(let value): value.json
    case .values(let values): .array(values.map(\.json))
    case .prefix(let text): .object(["prefix": .string(text.text)])
    case .suffix(let text): .object(["suffix": .string(text.text)])
    }
  }
}

extension EventPattern.Wildcard {
  fileprivate var text: String {
    pieces.map { piece in
      var escaped = ""
      for scalar in piece.text.unicodeScalars {
        if scalar == "*" || scalar == "\\" { escaped.unicodeScalars.append("\\") }
        escaped.unicodeScalars.append(scalar)
      }
      return escaped
    }.joined(separator: "*")
  }
}

extension NumberRange {
  fileprivate var json: JSONValue {
    if let lower, lower == upper { return .array([.string("="), lower.number.json]) }
    var parts: [JSONValue] = []
    if let lower { parts += [.string(lower.isIncluded ? ">=" : ">"), lower.number.json] }
    if let upper { parts += [.string(upper.isIncluded ? "<=" : "<"), upper.number.json] }
    return .array(parts)
  }
}
