/// Where in a pattern the reader is.
struct PatternPlace {
  var path: [InvalidPattern.Step] = []
  /// Objects and lists around it, itself included.
  var depth = 1

  func field(_ name: String) -> Self { Self(path: path + [.field(name)], depth: depth + 1) }
  func element(_ index: Int) -> Self { Self(path: path + [.element(index)], depth: depth + 1) }

  func invalid(_ message: String, allowed: String) -> InvalidPattern {
    InvalidPattern(path: path, message: message, allowed: allowed)
  }
}

/// Reads a pattern out of its JSON, and counts what it is made of. What it does is bounded by the bounds of
/// patterns, not by the size of the JSON: it ends at the first excess.
struct PatternReader {
  private var fields = 0
  private var tests = 0
  private var alternatives = 0
  private var textBytes = 0

  private static let groupRule = "an object of fields, at least one"
  private static let attributeRule =
    "id, source, type, topic, subject, datacontenttype, dataschema, data, $or, or an extension: 1 to 20 "
    + "of a-z and 0-9"
  private static let listRule =
    "a list of values and tests, at least one, like [\"a\", {\"prefix\": \"b\"}]"

  /// - Parameter isRoot: whether its fields are those of an event.
  mutating func group(
    _ value: JSONValue, at place: PatternPlace, isRoot: Bool
  ) throws(InvalidPattern) -> EventPattern.Group {
    try enter(place)
    guard case .object(let members) = value else {
      throw place.invalid("is \(Self.kind(of: value))", allowed: Self.groupRule)
    }
    guard !members.isEmpty else { throw place.invalid("is empty", allowed: Self.groupRule) }
    try count(&fields, members.count, EventPattern.maximumFields, "fields", at: place)
    var read: [EventPattern.Field] = []
    var either: [EventPattern.Group] = []
    for name in members.keys.map({ PatternText($0) }).sorted() {
      guard let value = members[name.text] else { continue }
      let inner = place.field(name.text)
      if name.text == EventPattern.alternativesField {
        either = try groups(value, at: inner, isRoot: isRoot)
        continue
      }
      try count(name.text, at: inner)
      let isAttribute = isRoot && name != EventPattern.dataField
      if isAttribute, !Self.isAttribute(name.text) {
        throw inner.invalid("is no attribute of an event", allowed: Self.attributeRule)
      }
      read.append(
        EventPattern.Field(
          name: name, condition: try condition(value, at: inner, isAttribute: isAttribute)))
    }
    return EventPattern.Group(fields: read, alternatives: either)
  }

  private static func isAttribute(_ name: String) -> Bool {
    switch name {
    case "id", "source", "type", "subject", "datacontenttype", "dataschema": true
    case _: EventRules.isExtensionName(name)
    }
  }

  private mutating func groups(
    _ value: JSONValue, at place: PatternPlace, isRoot: Bool
  ) throws(InvalidPattern) -> [EventPattern.Group] {
    try enter(place)
    let rule = "a list of objects of fields, at least one"
    guard case .array(let elements) = value, !elements.isEmpty else {
      throw place.invalid("is \(Self.kind(of: value))", allowed: rule)
    }
    try count(
      &alternatives, elements.count, EventPattern.maximumAlternatives, "alternatives", at: place)
    var groups: [EventPattern.Group] = []
    for (index, element) in elements.enumerated() {
      groups.append(try group(element, at: place.element(index), isRoot: isRoot))
    }
    return groups
  }

  private mutating func condition(
    _ value: JSONValue, at place: PatternPlace, isAttribute: Bool
  ) throws(InvalidPattern) -> EventPattern.Condition {
    switch value {
    case .array(let elements): return .anyOf(try anyOf(elements, at: place))
    case .object where !isAttribute:
      return .nested(try group(value, at: place, isRoot: false))
    case .null, .bool, .integer, .number, .string, .object:
      throw place.invalid(
        "is \(Self.kind(of: value))",
        allowed: Self.listRule + (isAttribute ? "" : ", or an object of nested fields"))
    }
  }

  private mutating func anyOf(
    _ elements: [JSONValue], at place: PatternPlace
  ) throws(InvalidPattern) -> [EventPattern.Test] {
    try enter(place)
    guard !elements.isEmpty else { throw place.invalid("is empty", allowed: Self.listRule) }
    try count(&tests, elements.count, EventPattern.maximumTests, "values and tests", at: place)
    var tests: [EventPattern.Test] = []
    for (index, element) in elements.enumerated() {
      let inner = place.element(index)
      if case .object(let members) = element {
        tests.append(try test(members, at: inner))
      } else {
        tests.append(.equals(try scalar(element, at: inner)))
      }
    }
    return tests
  }

  private mutating func test(
    _ members: [String: JSONValue], at place: PatternPlace
  ) throws(InvalidPattern) -> EventPattern.Test {
    try enter(place)
    let rule =
      "one of prefix, suffix, equals-ignore-case, wildcard, numeric, exists, anything-but"
    guard members.count == 1, let (name, value) = members.first else {
      throw place.invalid("has \(members.count) tests", allowed: "exactly " + rule)
    }
    let inner = place.field(name)
    switch name {
    case "prefix": return .prefix(try text(value, at: inner))
    case "suffix": return .suffix(try text(value, at: inner))
    case "equals-ignore-case": return .equalsIgnoreCase(try text(value, at: inner))
    case "wildcard": return .wildcard(try wildcard(value, at: inner))
    case "numeric": return .numeric(try range(value, at: inner))
    case "exists":
      guard case .bool(let isWanted) = value else {
        throw inner.invalid("is \(Self.kind(of: value))", allowed: "true or false")
      }
      return .exists(isWanted)
    case "anything-but": return .anythingBut(try exclusion(value, at: inner))
    case _: throw inner.invalid("is no test", allowed: rule)
    }
  }
}

// What tests are made of.
extension PatternReader {
  private mutating func scalar(
    _ value: JSONValue, at place: PatternPlace
  ) throws(InvalidPattern) -> PatternScalar {
    guard let scalar = PatternScalar(value) else {
      throw place.invalid(
        "is \(Self.kind(of: value))", allowed: "a text, a finite number, true, false or null")
    }
    if case .text(let text) = scalar { try count(text.text, at: place) }
    return scalar
  }

  private mutating func text(
    _ value: JSONValue, at place: PatternPlace
  ) throws(InvalidPattern) -> PatternText {
    guard case .string(let text) = value else {
      throw place.invalid("is \(Self.kind(of: value))", allowed: "a text")
    }
    try count(text, at: place)
    return PatternText(text)
  }

  private mutating func wildcard(
    _ value: JSONValue, at place: PatternPlace
  ) throws(InvalidPattern) -> EventPattern.Wildcard {
    let text = try text(value, at: place).text
    let rule = "* for any bytes, never two in a row; \\* for a star, \\\\ for a backslash"
    var pieces = [""]
    var isEscaped = false
    var followsStar = false
    for scalar in text.unicodeScalars {
      if isEscaped {
        guard scalar == "*" || scalar == "\\" else {
          throw place.invalid("has a backslash before something else", allowed: rule)
        }
        pieces[pieces.count - 1].unicodeScalars.append(scalar)
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else if scalar == "*" {
        guard !followsStar else { throw place.invalid("has two stars in a row", allowed: rule) }
        pieces.append("")
        followsStar = true
        continue
      } else {
        pieces[pieces.count - 1].unicodeScalars.append(scalar)
      }
      followsStar = false
    }
    guard !isEscaped else { throw place.invalid("ends with a backslash", allowed: rule) }
    return EventPattern.Wildcard(pieces: pieces.map { PatternText($0) })
  }

  private mutating func range(
    _ value: JSONValue, at place: PatternPlace
  ) throws(InvalidPattern) -> NumberRange {
    try enter(place)
    let rule =
      "[\"=\", n], or a lower bound [\">\" or \">=\", n], an upper one [\"<\" or \"<=\", n], or both, "
      + "with a number between them"
    guard case .array(let parts) = value, parts.count == 2 || parts.count == 4 else {
      throw place.invalid("is no range", allowed: rule)
    }
    var lower: NumberRange.Bound?
    var upper: NumberRange.Bound?
    for start in stride(from: 0, to: parts.count, by: 2) {
      guard case .string(let sign) = parts[start],
        case .number(let number)? = PatternScalar(parts[start + 1])
      else { throw place.element(start).invalid("is no sign and number", allowed: rule) }
      let bound = NumberRange.Bound(number, isIncluded: sign.utf8.last == UInt8(ascii: "="))
      switch sign {
      case "=" where parts.count == 2: (lower, upper) = (bound, bound)
      case ">" where lower == nil, ">=" where lower == nil: lower = bound
      case "<" where upper == nil, "<=" where upper == nil: upper = bound
      case _: throw place.element(start).invalid("does not go there", allowed: rule)
      }
    }
    guard let range = NumberRange(lower: lower, upper: upper) else {
      throw place.invalid("has no number within", allowed: rule)
    }
    return range
  }

  private mutating func exclusion(
    _ value: JSONValue, at place: PatternPlace
  ) throws(InvalidPattern) -> EventPattern.Exclusion {
    let rule = "a value, a list of values, {\"prefix\": text} or {\"suffix\": text}"
    switch value {
    case .null, .bool, .integer, .number, .string: return .value(try scalar(value, at: place))
    case .array(let elements):
      try enter(place)
      guard !elements.isEmpty else { throw place.invalid("is empty", allowed: rule) }
      try count(&tests, elements.count, EventPattern.maximumTests, "values and tests", at: place)
      var values: [PatternScalar] = []
      for (index, element) in elements.enumerated() {
        values.append(try scalar(element, at: place.element(index)))
      }
      return .values(values)
    case .object(let members):
      try enter(place)
      guard members.count == 1, let (name, value) = members.first else {
        throw place.invalid("has \(members.count) members", allowed: rule)
      }
      switch name {
      case "prefix": return .prefix(try text(value, at: place.field(name)))
      case "suffix": return .suffix(try text(value, at: place.field(name)))
      case _: throw place.field(name).invalid("is not possible here", allowed: rule)
      }
    }
  }
}

// The bounds.
extension PatternReader {
  private func enter(_ place: PatternPlace) throws(InvalidPattern) {
    guard place.depth <= EventPattern.maximumDepth else {
      throw place.invalid("is nested too deeply", allowed: "\(EventPattern.maximumDepth) levels")
    }
  }

  private func count(
    _ counter: inout Int, _ more: Int, _ most: Int, _ what: String, at place: PatternPlace
  ) throws(InvalidPattern) {
    counter += more
    guard counter <= most else {
      throw place.invalid("makes too many \(what)", allowed: "\(most) in a pattern")
    }
  }

  private mutating func count(_ text: String, at place: PatternPlace) throws(InvalidPattern) {
    let length = text.utf8.count
    guard length <= EventPattern.maximumTextLength else {
      throw place.invalid(
        "has \(length) bytes", allowed: "texts of at most \(EventPattern.maximumTextLength) bytes")
    }
    textBytes += length
    guard textBytes <= EventPattern.maximumTotalText else {
      throw place.invalid(
        "makes too much text", allowed: "\(EventPattern.maximumTotalText) bytes in a pattern")
    }
  }

  private static func kind(of value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .number: "a number"
    case .string: "a text"
    case .array(let elements): elements.isEmpty ? "an empty list" : "a list"
    case .object: "an object"
    }
  }
}
