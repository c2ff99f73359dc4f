import ClusterModel
import Foundation
import Testing

@testable import EventPatterns

@Suite struct OperatorTests {
  @Test func `a value matches what is the same, of the same kind`() throws {
    #expect(try matches(#"["x", 5, true, null]"#, #"{"a": "x"}"#))
    #expect(try matches(#"["x", 5, true, null]"#, #"{"a": 5}"#))
    #expect(try matches(#"["x", 5, true, null]"#, #"{"a": true}"#))
    #expect(try matches(#"["x", 5, true, null]"#, #"{"a": null}"#))
    #expect(try !matches(#"["x", 5, true, null]"#, #"{"a": "5"}"#))
    #expect(try !matches(#"["x", 5, true, null]"#, #"{"a": false}"#))
    #expect(try !matches(#"[1]"#, #"{"a": true}"#))
    #expect(try !matches(#"[null]"#, #"{"b": 1}"#))
    #expect(try !matches(#"[null]"#, #"{"a": {}}"#))
  }

  @Test func `numbers are compared by their value, without rounding`() throws {
    #expect(try matches("[1]", #"{"a": 1.0}"#))
    #expect(try matches("[100]", #"{"a": 1e2}"#))
    #expect(try matches("[0]", #"{"a": -0.0}"#))
    #expect(try !matches("[9007199254740993]", #"{"a": 9007199254740992}"#))
    let double = JSONValue.object(["a": .number(9_007_199_254_740_992)])
    #expect(try pattern(#"{"data": {"a": [9007199254740992]}}"#).matches(event(), data: double))
    #expect(try !pattern(#"{"data": {"a": [9007199254740993]}}"#).matches(event(), data: double))
    let largest = JSONValue.object(["a": .integer(.max)])
    let above = try pattern(#"{"data": {"a": [{"numeric": ["<", 9223372036854775808]}]}}"#)
    #expect(above.matches(event(), data: largest))
    #expect(!above.matches(event(), data: .object(["a": .number(0x1p63)])))
    let notFinite = JSONValue.object(["a": .number(.nan)])
    #expect(
      try !pattern(#"{"data": {"a": [{"anything-but": 1}]}}"#).matches(event(), data: notFinite))
  }

  @Test func `texts are compared by their bytes`() throws {
    let composed = "\u{e9}"
    let decomposed = "e\u{301}"
    #expect(try matches(#"["\#(composed)"]"#, #"{"a": "\#(composed)"}"#))
    #expect(try !matches(#"["\#(composed)"]"#, #"{"a": "\#(decomposed)"}"#))
    #expect(try !matches(#"[{"prefix": "e"}]"#, #"{"a": "\#(composed)"}"#))
    #expect(try matches(#"[{"prefix": "e"}]"#, #"{"a": "\#(decomposed)"}"#))
    let field = try pattern(#"{"data": {"\#(composed)": [1]}}"#)
    #expect(!field.matches(event(), data: .object([decomposed: .integer(1)])))
    #expect(try field != pattern(#"{"data": {"\#(decomposed)": [1]}}"#))
  }

  @Test func `a prefix and a suffix may be the whole text or nothing`() throws {
    #expect(try matches(#"[{"prefix": "hall-"}]"#, #"{"a": "hall-7"}"#))
    #expect(try matches(#"[{"prefix": "hall-"}]"#, #"{"a": "hall-"}"#))
    #expect(try !matches(#"[{"prefix": "hall-"}]"#, #"{"a": "hall"}"#))
    #expect(try !matches(#"[{"prefix": "1"}]"#, #"{"a": 1}"#))
    #expect(try matches(#"[{"prefix": ""}]"#, #"{"a": ""}"#))
    #expect(try matches(#"[{"suffix": ".csv"}]"#, #"{"a": "x.csv"}"#))
    #expect(try !matches(#"[{"suffix": ".csv"}]"#, #"{"a": "csv"}"#))
    #expect(try !matches(#"[{"suffix": ".csv"}]"#, #"{"a": "x.csv "}"#))
  }

  @Test func `only letters of ASCII are the same in both cases`() throws {
    #expect(try matches(#"[{"equals-ignore-case": "Alarm-1"}]"#, #"{"a": "aLARM-1"}"#))
    #expect(try !matches(#"[{"equals-ignore-case": "alarm"}]"#, #"{"a": "alarms"}"#))
    #expect(try !matches(#"[{"equals-ignore-case": "É"}]"#, #"{"a": "é"}"#))
    #expect(try !matches(#"[{"equals-ignore-case": "["}]"#, #"{"a": "{"}"#))
  }

  @Test func `a star stands for any bytes`() throws {
    for (wildcard, text, isMatch) in [
      ("a*c", "abc", true), ("a*c", "ac", true), ("a*c", "abcd", false), ("a*a", "a", false),
      ("*", "", true), ("*b*", "abc", true), ("*ab*ab*", "aab", false), ("*ab*ab*", "abxab", true),
      ("*aab*", "aaab", true), ("*abab*abc", "abababc", true), ("x", "x", true),
      ("x", "xx", false),
      (#"a\\*b"#, "a*b", true), (#"a\\*b"#, "axb", false), (#"a\\\\*"#, #"a\\b"#, true),
    ] {
      #expect(
        try matches(#"[{"wildcard": "\#(wildcard)"}]"#, #"{"a": "\#(text)"}"#) == isMatch,
        "\(wildcard) on \(text)")
    }
  }

  @Test func `a range holds its bounds as its signs say`() throws {
    for (range, number, isMatch) in [
      (#"">", 20, "<=", 30"#, "20", false), (#"">", 20, "<=", 30"#, "20.5", true),
      (#"">", 20, "<=", 30"#, "30", true), (#"">", 20, "<=", 30"#, "30.5", false),
      (#"">=", 20"#, "20.0", true), (#""<", 20"#, "20", false), (#""<", 20, ">", 1"#, "2", true),
      (#""=", 5"#, "5.0", true), (#""=", 5"#, "6", false), (#"">", 0.5"#, "1", true),
      (#""<", -0.5"#, "-1", true), (#""<", 0.5"#, "0", true), (#"">", -0.5"#, "-1", false),
      (#"">", 0"#, #""1""#, false), (#"">", 1e300"#, "2e300", true),
    ] {
      #expect(
        try matches(#"[{"numeric": [\#(range)]}]"#, #"{"a": \#(number)}"#) == isMatch,
        "\(number) in \(range)")
    }
  }

  @Test func `a field exists when it is there, whatever its value`() throws {
    for value in ["1", "null", "{}", "[]", #""""#] {
      #expect(try matches(#"[{"exists": true}]"#, #"{"a": \#(value)}"#), "\(value)")
      #expect(try !matches(#"[{"exists": false}]"#, #"{"a": \#(value)}"#), "\(value)")
    }
    #expect(try !matches(#"[{"exists": true}]"#, "{}"))
    #expect(try matches(#"[{"exists": false}]"#, "{}"))
  }

  @Test func `anything but a value still needs a value`() throws {
    #expect(try matches(#"[{"anything-but": "x"}]"#, #"{"a": "y"}"#))
    #expect(try matches(#"[{"anything-but": "x"}]"#, #"{"a": 1}"#))
    #expect(try matches(#"[{"anything-but": "x"}]"#, #"{"a": null}"#))
    #expect(try !matches(#"[{"anything-but": "x"}]"#, #"{"a": "x"}"#))
    #expect(try !matches(#"[{"anything-but": "x"}]"#, "{}"))
    #expect(try !matches(#"[{"anything-but": "x"}]"#, #"{"a": {}}"#))
    #expect(try !matches(#"[{"anything-but": ["x", 1]}]"#, #"{"a": 1.0}"#))
    #expect(try matches(#"[{"anything-but": ["x", 1]}]"#, #"{"a": 2}"#))
    #expect(try !matches(#"[{"anything-but": {"prefix": "x"}}]"#, #"{"a": "xy"}"#))
    #expect(try matches(#"[{"anything-but": {"prefix": "x"}}]"#, #"{"a": 5}"#))
    #expect(try !matches(#"[{"anything-but": {"suffix": "y"}}]"#, #"{"a": "xy"}"#))
  }

  @Test func `an array matches when one of its elements does, as a whole`() throws {
    #expect(try matches("[2]", #"{"a": [1, 2]}"#))
    #expect(try matches("[2]", #"{"a": [1, [2]]}"#))
    #expect(try !matches("[2]", #"{"a": []}"#))
    #expect(try matches(#"[{"anything-but": 1}]"#, #"{"a": [1, 2]}"#))
    let both = try pattern(#"{"data": {"a": {"b": [1], "c": [2]}}}"#)
    #expect(try both.matches(event(), data: json(#"{"a": [{"b": 0}, {"b": 1, "c": 2}]}"#)))
    #expect(try !both.matches(event(), data: json(#"{"a": [{"b": 1, "c": 0}, {"b": 0, "c": 2}]}"#)))
    let absent = try pattern(#"{"data": {"a": {"b": [{"exists": false}]}}}"#)
    for data in ["{}", #"{"a": 5}"#, #"{"a": []}"#, #"{"a": [{"b": 1}, {}]}"#] {
      #expect(try absent.matches(event(), data: json(data)), "\(data)")
    }
    #expect(try !absent.matches(event(), data: json(#"{"a": [{"b": 1}]}"#)))
  }

  @Test func `one of the alternatives must hold beside the fields`() throws {
    let either = try pattern(
      #"{"type": ["reading"], "$or": [{"subject": ["x"]}, {"data": {"n": [1]}}]}"#)
    #expect(either.usesData)
    #expect(either.matches(event(subject: "x"), data: nil))
    #expect(try either.matches(event(), data: json(#"{"n": 1}"#)))
    #expect(try !either.matches(event(), data: json(#"{"n": 2}"#)))
    #expect(!either.matches(event(type: "other", subject: "x"), data: nil))
    let nested = try pattern(#"{"data": {"$or": [{"a": [1]}, {"b": [1]}]}}"#)
    #expect(try nested.matches(event(), data: json(#"{"b": 1}"#)))
    #expect(try !nested.matches(event(), data: json(#"{"c": 1}"#)))
  }

  @Test func `attributes are texts, and those that are missing are absent`() throws {
    let known = Event(
      id: "i", source: "s", type: "t", topic: Topic(unchecked: "x/y"), subject: "u",
      dataContentType: "c", dataSchema: "d", extensions: [.init(name: "e1", value: "5")])
    let all = """
      {"id": ["i"], "source": ["s"], "type": ["t"], "topic": [{"prefix": "x/"}], "subject": ["u"],
       "datacontenttype": ["c"], "dataschema": ["d"], "e1": ["5"], "e2": [{"exists": false}],
       "data": [{"exists": false}]}
      """
    #expect(try pattern(all).matches(known, data: nil))
    #expect(try !pattern(all).matches(known, data: json("[]")))
    #expect(try !pattern(#"{"e1": [5]}"#).matches(known, data: nil))
    #expect(try pattern(#"{"subject": [{"exists": false}]}"#).matches(event(), data: nil))
    #expect(try pattern(#"{"data": [5]}"#).matches(known, data: json("[4, 5]")))
    #expect(try !pattern(#"{"type": ["t"]}"#).usesData)
  }
}
