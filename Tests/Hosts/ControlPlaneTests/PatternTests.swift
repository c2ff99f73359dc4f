import ClusterModel
import EventPatterns
import EventReading
import HostPorts
import Testing

@testable import ControlPlane

/// Events that are filtered by what they say.
@Suite struct PatternTests {
  private func wanting(_ filter: String, _ tests: JSONValue) throws -> DeploymentConfiguration {
    var configuration = trigger(filter)
    configuration.triggers[0].pattern = try EventPattern(
      .object(["data": .object(["n": .array([tests])])]))
    return configuration
  }

  @Test func `events and results reach only those whose pattern they match`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy(
      "first", "1", Wat.trap,
      try {
        var configuration = try wanting(
          "in", .object(["numeric": .array([.string(">"), .integer(5)])]))
        configuration.resultTopic = Topic(unchecked: "out")
        return configuration
      }())
    try await cluster.deploy("second", "1", Wat.trap, try wanting("out", .integer(7)))
    try await cluster.deploy(
      "third", "1", Wat.trap, try wanting("in", .object(["exists": .bool(false)])))
    for (data, modules) in [
      (#"{"n": 5}"#, []), (#"{"n": 6.5}"#, ["first"]), (#"{"n": 7.0}"#, ["first"]),
      ("no JSON", ["third"]), ("", ["third"]), (#"{"m": 1}"#, ["third"]),
    ] {
      let status = try await cluster.settled(try await cluster.publish("in", data))
      #expect(status.deliveries.map(\.module.text) == modules, "\(data)")
    }
    let last = try await cluster.publish("in", "last")
    _ = try await cluster.settled(last)
    // The result of `{"n": 7.0}` is the only one that the second module wants.
    let runs = engine.activations.map { String(decoding: $0.input, as: UTF8.self) }
    #expect(runs.count { $0 == #"{"n": 7.0}"# } == 2)
    #expect(runs.count { $0 == #"{"n": 6.5}"# } == 1)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `what patterns see of data is what it says as JSON`() async {
    for (text, expected) in [
      (
        #"{"a": [1, 1.0, 1.5, true, false, null, "x"]}"#,
        JSONValue.object([
          "a": .array([
            .integer(1), .integer(1), .number(1.5), .bool(true), .bool(false), .null, .string("x"),
          ])
        ])
      ),
      ("9007199254740993", .integer(9_007_199_254_740_993)),
      ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(0x1p63)),
      ("1", .integer(1)), ("0", .integer(0)), ("1e300", .number(1e300)), ("[]", .array([])),
    ] {
      #expect(await EventData.json(Array(text.utf8)) == expected, "\(text)")
    }
  }

  @Test func `data beyond the bounds is no JSON`() async {
    func nested(_ depth: Int) -> [UInt8] {
      Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    func long(_ count: Int) -> [UInt8] {
      Array(("[" + Array(repeating: "1", count: count).joined(separator: ",") + "]").utf8)
    }
    #expect(await EventData.json(nested(PatternData.maximumDepth)) != nil)
    #expect(await EventData.json(nested(PatternData.maximumDepth + 1)) == nil)
    #expect(await EventData.json(nested(100_000)) == nil)
    #expect(await EventData.json(long(PatternData.maximumValues - 1)) != nil)
    #expect(await EventData.json(long(PatternData.maximumValues)) == nil)
    let text = [UInt8](repeating: UInt8(ascii: "x"), count: PatternData.maximumSize.bytes)
    #expect(await EventData.json([0x22] + text + [0x22]) == nil)
    #expect(await EventData.json([0xff, 0x22]) == nil)
    #expect(await EventData.json([]) == nil)
  }
}
