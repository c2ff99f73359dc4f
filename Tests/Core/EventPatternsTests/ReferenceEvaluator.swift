import ClusterModel

/// Evaluates the JSON of a pattern as docs/EVENT-PATTERNS.md has it, and shares no code with what it is
/// compared to: slowly, with names and texts as bytes.
struct ReferenceEvaluator {
  private indirect enum Seen {
    case object([(name: [UInt8], value: Seen)])
    case array([Seen])
    case text([UInt8])
    case number(whole: Int128, fraction: Double)
    case bool(Bool)
    case null
    case noNumber
  }

  static func matches(_ pattern: JSONValue, _ event: Event, _ data: JSONValue?) -> Bool {
    var fields: [(name: [UInt8], value: Seen)] = event.extensions.map { attribute in
      (Array(attribute.name.utf8), .text(Array(attribute.value.utf8)))
    }
    for (name, value) in [
      ("id", event.id), ("source", event.source), ("type", event.type), ("topic", event.topic.text),
      ("subject", event.subject), ("datacontenttype", event.dataContentType),
      ("dataschema", event.dataSchema),
    ] {
      if let value { fields.append((Array(name.utf8), .text(Array(value.utf8)))) }
    }
    if let data { fields.append((Array("data".utf8), see(data))) }
    return object(pattern, holdsOf: .object(fields))
  }

  private static func see(_ value: JSONValue) -> Seen {
    switch value {
    case .null: .null
    case .bool(let value): .bool(value)
    case .integer(let value): .number(whole: Int128(value), fraction: 0)
    case .number(let value):
      if !value.isFinite {
        .noNumber
      } else if value.magnitude > 0x1p100 {
        // Out of reach of what is whole here: told apart by the fraction alone.
        .number(whole: value < 0 ? .min : .max, fraction: value)
      } else {
        .number(
          whole: Int128(value.rounded(.down)), fraction: value - value.rounded(.down))
      }
    case .string(let text): .text(Array(text.utf8))
    case .array(let elements): .array(elements.map(see))
    case .object(let members):
      .object(members.map { (name: Array($0.key.utf8), value: see($0.value)) })
    }
  }

  private static func object(_ pattern: JSONValue, holdsOf value: Seen?) -> Bool {
    guard case .object(let fields) = pattern else { return false }
    if case .array(let elements)? = value, !elements.isEmpty {
      return elements.contains { object(pattern, holdsOf: $0) }
    }
    for (name, wanted) in fields {
      if name == "$or" {
        guard case .array(let choices) = wanted,
          choices.contains(where: { object($0, holdsOf: value) })
        else { return false }
        continue
      }
      var inner: Seen?
      if case .object(let members)? = value {
        inner = members.first { $0.name == Array(name.utf8) }?.value
      }
      switch wanted {
      case .array(let tests):
        guard tests.contains(where: { test($0, holdsOf: inner) }) else { return false }
      case _: guard object(wanted, holdsOf: inner) else { return false }
      }
    }
    return true
  }

  private static func test(_ test: JSONValue, holdsOf value: Seen?) -> Bool {
    if case .object(let members) = test, case .bool(let wanted)? = members["exists"] {
      return (value != nil) == wanted
    }
    switch value {
    case nil, .object, .noNumber: return false
    case .array(let elements): return elements.contains { self.test(test, holdsOf: $0) }
    case .text, .number, .bool, .null: break
    }
    guard let value else { return false }
    guard case .object(let members) = test, let (name, argument) = members.first else {
      return same(see(test), value)
    }
    switch (name, argument) {
    case ("prefix", .string(let text)): return begins(value, text)
    case ("suffix", .string(let text)): return ends(value, text)
    case ("equals-ignore-case", .string(let text)):
      guard case .text(let bytes) = value else { return false }
      return bytes.count == text.utf8.count
        && Swift.zip(bytes, text.utf8).allSatisfy { small($0) == small($1) }
    case ("wildcard", .string(let text)):
      guard case .text(let bytes) = value else { return false }
      return wildcard(Array(text.utf8)[...], bytes[...])
    case ("numeric", .array(let parts)):
      return stride(from: 0, to: parts.count, by: 2).allSatisfy {
        compare(value, parts[$0], parts[$0 + 1])
      }
    case ("anything-but", .array(let values)): return !values.contains { same(see($0), value) }
    case ("anything-but", .object(let members)):
      if case .string(let text)? = members["prefix"] { return !begins(value, text) }
      if case .string(let text)? = members["suffix"] { return !ends(value, text) }
      return false
    case ("anything-but", _): return !same(see(argument), value)
    case _: return false
    }
  }

  private static func same(_ left: Seen, _ right: Seen) -> Bool {
    switch (left, right) {
    case (.text(let left), .text(let right)): left == right
    case (.number(let left, let first), .number(let right, let second)):
      left == right && first == second
    case (.bool(let left), .bool(let right)): left == right
    case (.null, .null): true
    case _: false
    }
  }

  private static func begins(_ value: Seen, _ text: String) -> Bool {
    guard case .text(let bytes) = value else { return false }
    return Array(bytes.prefix(text.utf8.count)) == Array(text.utf8)
  }

  private static func ends(_ value: Seen, _ text: String) -> Bool {
    guard case .text(let bytes) = value else { return false }
    return Array(bytes.suffix(text.utf8.count)) == Array(text.utf8)
  }

  private static func small(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
  }

  private static func wildcard(_ wanted: ArraySlice<UInt8>, _ given: ArraySlice<UInt8>) -> Bool {
    guard let first = wanted.first else { return given.isEmpty }
    if first == UInt8(ascii: "*") {
      return wildcard(wanted.dropFirst(), given)
        || !given.isEmpty && wildcard(wanted, given.dropFirst())
    }
    let rest = first == UInt8(ascii: "\\") ? wanted.dropFirst() : wanted
    return rest.first == given.first && wildcard(rest.dropFirst(), given.dropFirst())
  }

  private static func compare(_ value: Seen, _ sign: JSONValue, _ number: JSONValue) -> Bool {
    guard case .number(let left, let first) = value,
      case .number(let right, let second) = see(number), case .string(let sign) = sign
    else { return false }
    return switch sign {
    case "=": (left, first) == (right, second)
    case "<": (left, first) < (right, second)
    case "<=": (left, first) <= (right, second)
    case ">": (left, first) > (right, second)
    case ">=": (left, first) >= (right, second)
    case _: false
    }
  }
}
