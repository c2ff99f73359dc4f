import ClusterModel
import Foundation
import Testing

@testable import EventPatterns

@Suite struct ValidationTests {
  @Test func `what is wrong is said with its path and what is allowed`() throws {
    for (text, start) in [
      ("5", "the pattern: is a number; allowed: an object of fields"),
      ("{}", "the pattern: is empty; allowed: an object of fields"),
      (#"{"type": "x"}"#, "type: is a text; allowed: a list"),
      (#"{"type": []}"#, "type: is empty; allowed: a list"),
      (#"{"type": {"a": [1]}}"#, "type: is an object; allowed: a list"),
      (#"{"Type": ["x"]}"#, "Type: is no attribute of an event; allowed: id, source"),
      (#"{"time": ["x"]}"#, "time: is no attribute of an event"),
      (#"{"data": {}}"#, "data: is empty"),
      (#"{"data": {"a": [[1]]}}"#, "data.a[0]: is a list; allowed: a text"),
      (#"{"data": {"a": 1}}"#, "data.a: is a number; allowed: a list"),
      (#"{"data": {"a": [{}]}}"#, "data.a[0]: has 0 tests; allowed: exactly one of prefix"),
      (#"{"type": ["x", {"like": "y"}]}"#, "type[1].like: is no test; allowed: one of prefix"),
      (#"{"type": [{"prefix": 1}]}"#, "type[0].prefix: is a number; allowed: a text"),
      (#"{"type": [{"exists": 1}]}"#, "type[0].exists: is a number; allowed: true or false"),
      (#"{"type": [{"wildcard": "a**"}]}"#, "type[0].wildcard: has two stars in a row"),
      (#"{"type": [{"wildcard": "a\\b"}]}"#, "type[0].wildcard: has a backslash before"),
      (#"{"type": [{"wildcard": "a\\"}]}"#, "type[0].wildcard: ends with a backslash"),
      (#"{"type": [{"numeric": []}]}"#, "type[0].numeric: is no range; allowed: [\"=\", n]"),
      (#"{"type": [{"numeric": [">", "5"]}]}"#, "type[0].numeric[0]: is no sign and number"),
      (#"{"type": [{"numeric": ["!", 5]}]}"#, "type[0].numeric[0]: does not go there"),
      (#"{"type": [{"numeric": [">", 5, ">", 6]}]}"#, "type[0].numeric[2]: does not go there"),
      (#"{"type": [{"numeric": ["=", 5, "<", 6]}]}"#, "type[0].numeric[0]: does not go there"),
      (#"{"type": [{"numeric": [">", 5, "<", 5]}]}"#, "type[0].numeric: has no number within"),
      (#"{"type": [{"numeric": [">", 6, "<", 5]}]}"#, "type[0].numeric: has no number within"),
      (#"{"type": [{"anything-but": []}]}"#, "type[0].anything-but: is empty"),
      (#"{"type": [{"anything-but": {"x": 1}}]}"#, "type[0].anything-but.x: is not possible here"),
      (#"{"$or": []}"#, "$or: is an empty list; allowed: a list of objects"),
      (#"{"$or": [{"type": ["x"]}, {}]}"#, "$or[1]: is empty"),
      (#"{"$or": [{"data": {"a": [1]}}, {"no": [1]}]}"#, ""),
      (#"{"type": ["x"], "data": [1, {"exists": false}]}"#, ""),
    ] {
      let found = try problem(text)
      #expect(start.isEmpty ? found.isEmpty : found.hasPrefix(start), "\(text): \(found)")
    }
  }

  @Test func `numbers that are not finite are refused`() {
    for number in [Double.nan, .infinity, -.infinity] {
      let found = problem(.object(["data": .array([.number(number)])]))
      #expect(found.hasPrefix("data[0]: is a number; allowed: a text, a finite number"), "\(found)")
    }
  }

  @Test func `equal ranges are one pattern, however they were written`() throws {
    let one = try pattern(#"{"data": [{"numeric": [">=", 1, "<", 2]}]}"#)
    #expect(try one == pattern(#"{"data": [{"numeric": ["<", 2.0, ">=", 1.0]}]}"#))
    let equal = try pattern(#"{"data": [{"numeric": [">=", 1, "<=", 1]}]}"#)
    #expect(try equal == pattern(#"{"data": [{"numeric": ["=", 1]}]}"#))
  }

  @Test func `a stored pattern that breaks a rule cannot be decoded`() {
    #expect(throws: InvalidPattern.self) {
      try JSONDecoder().decode(EventPattern.self, from: Data(#"{"Type": [1]}"#.utf8))
    }
  }
}

/// Patterns made to be expensive.
@Suite struct HostilePatternTests {
  private static let text = JSONValue.string("x")

  private func nested(_ depth: Int) -> JSONValue {
    (0..<depth).reduce(.array([Self.text])) { inner, _ in .object(["a": inner]) }
  }

  private func alternatives(_ depth: Int) -> JSONValue {
    guard depth > 0 else { return .object(["type": .array([Self.text])]) }
    let inner = alternatives(depth - 1)
    return .object(["$or": .array([inner, inner, inner])])
  }

  @Test func `what is nested too deeply is refused at the first level too many`() {
    #expect(problem(.object(["data": nested(EventPattern.maximumDepth - 2)])).isEmpty)
    let found = problem(.object(["data": nested(EventPattern.maximumDepth - 1)]))
    #expect(found.contains("is nested too deeply; allowed: 16 levels"), "\(found)")
    #expect(problem(.object(["data": nested(2000)])).contains("is nested too deeply"))
  }

  @Test func `alternatives of alternatives are refused before they multiply`() {
    #expect(problem(alternatives(3)).isEmpty)
    #expect(problem(alternatives(4)).contains("makes too many alternatives; allowed: 64"))
    #expect(!problem(alternatives(11)).isEmpty)
  }

  @Test func `too many fields, tests and bytes are refused`() {
    let many = JSONValue.array(Array(repeating: Self.text, count: 1_000_000))
    #expect(problem(.object(["type": many])).contains("makes too many values and tests"))
    #expect(
      problem(.object(["type": .array([.object(["anything-but": many])])]))
        .contains("makes too many values and tests"))
    let fields = Dictionary(
      uniqueKeysWithValues: (0..<200_000).map { ("f\($0)", JSONValue.array([Self.text])) })
    #expect(problem(.object(["data": .object(fields)])).contains("makes too many fields"))
    let long = String(repeating: "x", count: EventPattern.maximumTextLength)
    func texts(_ count: Int) -> JSONValue {
      .object(["type": .array(Array(repeating: .string(long), count: count))])
    }
    #expect(problem(texts(15)).isEmpty)
    #expect(problem(texts(17)).contains("makes too much text; allowed: 16384 bytes"))
    #expect(problem(.object(["type": .array([.string(long + "x")])])).contains("has 1025 bytes"))
    #expect(problem(.object(["data": .object([long + "x": .array([Self.text])])])).contains("1025"))
    let exact = Array(repeating: Self.text, count: EventPattern.maximumTests)
    #expect(problem(.object(["type": .array(exact)])).isEmpty)
    #expect(problem(.object(["type": .array(exact + [Self.text])])).contains("128 in a pattern"))
  }

  @Test func `a wildcard made to be tried everywhere takes time with the length only`() throws {
    // Backtracking would try about 40,000^3 ways.
    let stars = String(repeating: "a", count: 300) + "b"
    let wildcard = try pattern(#"{"data": [{"wildcard": "*\#(stars)*\#(stars)*\#(stars)*"}]}"#)
    let text = JSONValue.string(String(repeating: "a", count: 200_000))
    var isMatch = true
    let time = ContinuousClock().measure { isMatch = wildcard.matches(event(), data: text) }
    #expect(!isMatch)
    #expect(time < .seconds(5))
  }
}
