import ClusterModel
import ControlAPIModel
import Foundation
import HostPorts
import PropertyTesting
import Testing

/// Whichever way of the CloudEvents HTTP binding an event takes, it is the same event.
@Suite struct CloudEventsPropertyTests {
  static var text: Generator<String> { .string(of: "aé\u{1f600}%\" \\,;=z/+", count: 1...12) }

  static var events: Generator<Event> { Generator { event(&$0) } }

  private static func event(_ choices: inout Choices) -> Event {
    let extensions = zip(
      Generator<String>.string(of: "abc019", count: 1...8), text
    ).array(count: 0...4).generate(&choices)
    let time = Generator<Int64>.int(in: 0...4_000_000_000_000_000).optional().generate(&choices)
    return Event(
      id: text.generate(&choices),
      source: "/"
        + Generator.string(of: "ab/-", count: 0...6)
        .generate(&choices), type: text.generate(&choices),
      topic: Topic(unchecked: Generator.string(of: "ab/é $", count: 1...8).generate(&choices)),
      subject: text.optional().generate(&choices),
      time: time.map { WallInstant(microseconds: $0) },
      dataContentType: Generator.element(of: ["image/png", "application/octet-stream"])
        .optional().generate(&choices),
      dataSchema: Generator.element(of: ["urn:x:y"]).optional().generate(&choices),
      extensions: Dictionary(extensions, uniquingKeysWith: { first, _ in first })
        .sorted { $0.key < $1.key }.map { Event.Attribute(name: $0.key, value: $0.value) },
      data: Generator.bytes(count: 0...40).generate(&choices))
  }

  @Test func `a binary event arrives as it was sent`() async throws {
    try await TestServer.run { server in
      try await checkProperty("binary CloudEvents arrive unchanged", Self.events) { event in
        var headers = Self.attributes(event).map { ("ce-" + $0, Self.encoded($1)) }
        if let type = event.dataContentType { headers.append(("Content-Type", type)) }
        let answer = try await server.send("POST", "/v1/events", headers, body: event.data)
        return answer.status == 202 && server.cluster.now.published.last == event
      }
    }
  }

  @Test func `a structured event arrives as it was sent`() async throws {
    try await TestServer.run { server in
      try await checkProperty("structured CloudEvents arrive unchanged", Self.events) { event in
        var members = Dictionary(uniqueKeysWithValues: Self.attributes(event))
        members["datacontenttype"] = event.dataContentType
        members["data_base64"] = Base64.encode(event.data)
        let body = try APIJSON.encode(members)
        let answer = try await server.send(
          "POST", "/v1/events", [EventTests.structured], body: body)
        return answer.status == 202 && server.cluster.now.published.last == event
      }
    }
  }

  private static func attributes(_ event: Event) -> [(String, String)] {
    var attributes = [
      ("specversion", "1.0"), ("id", event.id), ("source", event.source), ("type", event.type),
      ("topic", event.topic.text),
    ]
    if let subject = event.subject { attributes.append(("subject", subject)) }
    if let time = event.time { attributes.append(("time", time.description)) }
    if let schema = event.dataSchema { attributes.append(("dataschema", schema)) }
    return attributes + event.extensions.map { ($0.name, $0.value) }
  }

  /// Percent-encodes all but letters, digits and slashes.
  private static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      let scalar = Unicode.Scalar(byte)
      let isPlain = byte < 0x80 && (scalar.properties.isAlphabetic || (47...57).contains(byte))
      return isPlain ? String(scalar) : "%" + Hexadecimal.encode([byte])
    }.joined()
  }
}
