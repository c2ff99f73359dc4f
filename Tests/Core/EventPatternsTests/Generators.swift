import ClusterModel
import PropertyTesting

/// Patterns and events over so few names and values that they meet often.
enum Generators {
  private static let names = ["a", "b", "e\u{301}", "\u{e9}"]
  private static let texts = [
    "a", "ab", "aba", "b", "", "AB", "Ab", "*", "a\\", "\u{e9}", "e\u{301}", "caf\u{e9}",
  ]
  /// Sorted by value; those in the middle are lost when an integer is made a Double.
  private static let numbers: [JSONValue] = [
    .number(-1e300), .integer(.min), .integer(-1), .number(-0.5), .integer(0), .number(0.5),
    .integer(1), .number(1.5), .integer(2), .integer(9_007_199_254_740_992),
    .integer(9_007_199_254_740_993), .number(9_007_199_254_740_994), .integer(.max),
    .number(9_223_372_036_854_775_808), .number(1e300),
  ]
  private static let attributes = ["type", "subject", "topic", "source", "e1", "dataschema", "id"]

  private static let name = Generator<String>.element(of: names)
  private static let text = Generator<String>.element(of: texts)

  static let scalar = Generator<JSONValue>.oneOf([
    text.map { .string($0) }, .element(of: numbers),
    .element(of: [.bool(true), .bool(false), .null]),
    text.map { .string($0) },
  ])

  /// Any JSON, `depth` levels deep at most.
  static func value(_ depth: Int) -> Generator<JSONValue> {
    guard depth > 0 else { return scalar }
    return Generator { choices in
      let inner = value(depth - 1)
      switch choices.next(upTo: 9) {
      case 0...3: return scalar.generate(&choices)
      case 4...5: return .array(inner.array(count: 0...3).generate(&choices))
      case _: return object(inner).generate(&choices)
      }
    }
  }

  static func object(_ inner: Generator<JSONValue>) -> Generator<JSONValue> {
    zip(name, inner).array(count: 0...3).map { members in
      .object(Dictionary(members) { first, _ in first })
    }
  }

  /// Nothing, or an object mostly.
  static let data = Generator<JSONValue?> { choices in
    switch choices.next(upTo: 9) {
    case 0: nil
    case 1: value(2).generate(&choices)
    case _: object(value(2)).generate(&choices)
    }
  }

  static let test = Generator<JSONValue> { choices in
    let text = JSONValue.string(Generators.text.generate(&choices))
    switch choices.next(upTo: 12) {
    case 0...3: return scalar.generate(&choices)
    case 4: return .object(["prefix": text])
    case 5: return .object(["suffix": text])
    case 6: return .object(["equals-ignore-case": text])
    case 7: return .object(["wildcard": wildcard.generate(&choices)])
    case 8...9: return .object(["numeric": range.generate(&choices)])
    case 10: return .object(["exists": .bool(choices.next(upTo: 1) == 0)])
    case _: return .object(["anything-but": exclusion.generate(&choices)])
    }
  }

  private static let wildcard = Generator<String>.element(of: ["a", "b", "ab", "\\*", "\\\\"])
    .array(count: 0...3).flatMap { pieces in
      zip(Generator<Bool>.bool, Generator<Bool>.bool).map { starts, ends in
        guard !pieces.isEmpty else { return JSONValue.string("*") }
        return .string((starts ? "*" : "") + pieces.joined(separator: "*") + (ends ? "*" : ""))
      }
    }

  private static let range = Generator<JSONValue> { choices in
    let last = UInt64(numbers.count - 1)
    let lower = Int(choices.next(upTo: last - 1))
    let upper = lower + 1 + Int(choices.next(upTo: last - 1 - UInt64(lower)))
    let low = [JSONValue.string(choices.next(upTo: 1) == 0 ? ">" : ">="), numbers[lower]]
    let high = [JSONValue.string(choices.next(upTo: 1) == 0 ? "<" : "<="), numbers[upper]]
    switch choices.next(upTo: 5) {
    case 0: return .array([.string("="), numbers[lower]])
    case 1: return .array(low)
    case 2: return .array(high)
    case 3: return .array(high + low)
    case _: return .array(low + high)
    }
  }

  private static let exclusion = Generator<JSONValue> { choices in
    switch choices.next(upTo: 3) {
    case 0: .object(["prefix": .string(text.generate(&choices))])
    case 1: .object(["suffix": .string(text.generate(&choices))])
    case 2: .array(scalar.array(count: 1...3).generate(&choices))
    case _: scalar.generate(&choices)
    }
  }

  private static let tests = test.array(count: 1...3).map { JSONValue.array($0) }

  private static func group(
    _ depth: Int, _ fields: Generator<(String, JSONValue)>
  ) -> Generator<JSONValue> {
    Generator { choices in
      var members = Dictionary(fields.array(count: 1...2).generate(&choices)) { first, _ in first }
      if depth > 0, choices.next(upTo: 3) == 3 {
        if choices.next(upTo: 1) == 1 { members = [:] }
        members["$or"] = .array(
          group(depth - 1, fields).array(count: 1...3).generate(&choices))
      }
      return .object(members)
    }
  }

  private static func nested(_ depth: Int) -> Generator<JSONValue> {
    let inner = depth > 0 ? Generator.oneOf([tests, tests, nested(depth - 1)]) : tests
    return group(1, zip(name, inner))
  }

  /// The JSON of a valid pattern.
  static let pattern = group(
    1,
    .oneOf([
      zip(.constant("data"), .oneOf([nested(2), nested(1), nested(1), tests])),
      zip(.element(of: attributes), tests),
      zip(.constant("data"), nested(1)),
    ]))

  static let topic = Generator<String>.element(of: ["a", "b", "a/b", "a/b/c", "$own/a", "b/b"])
  static let filter = Generator<String>.element(of: [
    "a", "#", "+", "a/#", "+/b", "a/+", "a/b", "$own/#", "+/+/#", "b/#", "a/b/c",
  ])

  static let event = Generator<Event> { choices in
    let text = Generator<String>.element(of: texts)
    return Event(
      id: text.generate(&choices), source: text.generate(&choices), type: text.generate(&choices),
      topic: Topic(unchecked: topic.generate(&choices)),
      namespace: Namespace(unchecked: choices.next(upTo: 9) == 9 ? "other" : "default"),
      subject: text.optional().generate(&choices), dataSchema: text.optional().generate(&choices),
      extensions: text.optional().generate(&choices).map { [.init(name: "e1", value: $0)] } ?? [])
  }
}
