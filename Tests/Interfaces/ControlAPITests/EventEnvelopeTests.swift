import ClusterModel
import Testing

@testable import ControlAPI

struct EventEnvelopeTests {
  private static let whole = [
    "specversion": "1.0", "id": "1", "source": "/a", "type": "t",
  ]

  private func message(_ attributes: [String: String], data: Int = 0) -> String? {
    do {
      _ = try EventAssembler(namespace: .default)
        .event(from: attributes, data: Array(repeating: 0, count: data))
      return nil
    } catch {
      return error.message
    }
  }

  @Test(arguments: ["specversion", "id", "source", "type"])
  func `an event without a required attribute is refused`(_ name: String) {
    var attributes = Self.whole
    attributes[name] = nil
    #expect(
      message(attributes) == "the attribute \"\(name)\" of the event is not valid: it is required")
  }

  @Test(arguments: [
    ("specversion", "0.3"), ("id", ""), ("source", "a b"), ("source", "%zz"), ("type", ""),
    ("time", "yesterday"), ("time", "2026-02-30T00:00:00Z"), ("dataschema", "relative/ref"),
    ("datacontenttype", "json"), ("subject", ""), ("subject", "a\u{7}b"), ("topic", "a/#"),
    ("Upper", "x"), ("with-dash", "x"), ("ümlaut", "x"), ("data", "x"),
    ("aname20charactersplus", "x"), ("id", String(repeating: "x", count: 1025)),
  ])
  func `an attribute that breaks its rule is named`(_ name: String, _ value: String) {
    var attributes = Self.whole
    attributes[name] = value
    #expect(message(attributes)?.hasPrefix("the attribute \"\(name)\" ") == true)
  }

  @Test func `a type that cannot be a topic asks for another`() {
    var attributes = Self.whole
    attributes["type"] = "a+b"
    #expect(message(attributes)?.contains("?topic=") == true)
    attributes["topic"] = "plain"
    #expect(message(attributes) == nil)
  }

  @Test func `too many extensions are refused`() {
    var attributes = Self.whole
    for number in 0...EventRules.maximumExtensions { attributes["x\(number)"] = "1" }
    #expect(message(attributes)?.contains("at most 64") == true)
  }

  @Test func `data over the limit is refused`() {
    #expect(message(Self.whole, data: EventRules.maximumData.bytes) == nil)
    #expect(message(Self.whole, data: EventRules.maximumData.bytes + 1)?.contains("16MiB") == true)
  }

  @Test(arguments: [
    ("{\"data\":{\"b\": 1.50, \"a\":[1e400]}}", "{\"b\": 1.50, \"a\":[1e400]}"),
    ("{\"data\" : \"x\"}", "\"x\""), ("{\"data\":null}", ""), ("{\"data_base64\":\"aGk=\"}", "hi"),
    ("{\"datacontenttype\":\"text/plain\",\"data\":\"x\\n\"}", "x\n"),
    ("{\"datacontenttype\":\"a/b+json\",\"data\":\"x\"}", "\"x\""),
    ("{\"d\\u0061ta\":[1]}", "[1]"), ("{\"subject\":null,\"flag\":true,\"n\":-7}", ""),
  ])
  func `structured data is taken as it stands`(_ members: String, _ data: String) throws {
    let json =
      "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\","
      + members.dropFirst()
    let event = try StructuredEvent.event(
      from: Array(json.utf8), using: EventAssembler(namespace: .default))
    #expect(String(decoding: event.data, as: UTF8.self) == data)
  }

  @Test func `JSON data without a type says that it is JSON`() throws {
    let json = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\",\"data\":1}"
    let event = try StructuredEvent.event(
      from: Array(json.utf8), using: EventAssembler(namespace: .default))
    #expect(event.dataContentType == "application/json")
  }

  @Test(arguments: [
    "{\"id\":1}", "{\"id\":\"1\",\"id\":\"1\"}", "{\"time\":true}", "{\"x\":1.5}", "{\"x\":[]}",
    "{\"data\":1,\"data_base64\":\"\"}", "{\"data_base64\":\"!\"}", "{\"data_base64\":1}",
    "{\"datacontenttype\":\"text/plain\",\"data\":1}", "[]", "7", "\"x\"", "", "{", "{\"a\":1,}",
    "\u{0}", "{\"x\":\"\\ud800\"}", "{\"x\":99999999999}",
  ])
  func `structured events that break the format are refused`(_ json: String) {
    let required = "\"specversion\":\"1.0\",\"source\":\"/a\",\"type\":\"t\""
    let body = json.hasPrefix("{\"") ? "{\(required)," + json.dropFirst() : json
    #expect(throws: Problem.self) {
      try StructuredEvent.event(
        from: Array(body.utf8), using: EventAssembler(namespace: .default))
    }
  }
}
