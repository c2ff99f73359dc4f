import ClusterModel
import ControlAPIModel
import Foundation
import HTTPTypes
import PropertyTesting
import Testing

@testable import ControlAPI

/// Events in the two ways that HTTP carries them, written from the specification.
enum EventWriter {
  static func binary(_ event: Event) -> HTTPFields {
    var fields: HTTPFields = [:]
    for (name, value) in attributes(event) {
      if name == "datacontenttype" {
        fields[.contentType] = value
      } else {
        fields[HTTPField.Name("ce-" + name)!] = encoded(value)
      }
    }
    return fields
  }

  static func structured(_ event: Event, base64: Bool) throws -> [UInt8] {
    var object: [String: Any] = [:]
    for (name, value) in attributes(event) { object[name] = value }
    if base64 {
      object["data_base64"] = Data(event.data).base64EncodedString()
    } else {
      object["data"] = String(decoding: event.data, as: UTF8.self)
    }
    return [UInt8](try JSONSerialization.data(withJSONObject: object))
  }

  static func attributes(_ event: Event) -> [(String, String)] {
    var all = [
      ("specversion", "1.0"), ("id", event.id), ("source", event.source), ("type", event.type),
      ("topic", event.topic.text),
    ]
    if let subject = event.subject { all.append(("subject", subject)) }
    if let time = event.time { all.append(("time", time.description)) }
    if let type = event.dataContentType { all.append(("datacontenttype", type)) }
    if let schema = event.dataSchema { all.append(("dataschema", schema)) }
    return all + event.extensions.map { ($0.name, $0.value) }
  }

  /// Percent-encodes what a header may not hold: anything but printable ASCII, and space, quote
  /// and percent themselves.
  private static func encoded(_ value: String) -> String {
    var text = ""
    for byte in value.utf8 {
      if (0x21...0x7e).contains(byte), byte != 0x22, byte != 0x25 {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "%" + Hexadecimal.encode([byte]).uppercased()
      }
    }
    return text
  }
}

struct EventRoundTripTests {
  private static let text = Generator<String>.string(
    of: "abcXYZ019 %\"\\,;=/:äß€😀", count: 1...40)
  private static let events = zip(
    zip(text, text, Generator<String>.string(of: "abc123/-._~", count: 1...20)),
    zip(text.optional(), Generator<Int64>.int(in: 0...4_000_000_000_000_000).optional()),
    zip(
      Generator<[(String, String)]>.pairs(values: text), Generator<[UInt8]>.bytes(count: 0...300))
  ).map { names, times, rest in
    Event(
      id: names.0, source: names.2, type: names.1,
      topic: Topic(unchecked: "plant/" + names.2), subject: times.0,
      time: times.1.map { WallInstant(microseconds: $0) },
      dataContentType: "application/octet-stream",
      extensions: rest.0.map { Event.Attribute(name: $0.0, value: $0.1) }, data: rest.1)
  }

  @Test func `an event in headers comes out as it went in`() async throws {
    let assembler = EventAssembler(namespace: .default)
    try await checkProperty("an event survives binary mode", cases: 300, Self.events) { event in
      let attributes = try BinaryEvent.attributes(in: EventWriter.binary(event))
      return try assembler.event(from: attributes, data: event.data) == event
    }
  }

  @Test func `an event in JSON comes out as it went in`() async throws {
    let assembler = EventAssembler(namespace: .default)
    try await checkProperty("an event survives structured mode", cases: 300, Self.events) { event in
      let json = try EventWriter.structured(event, base64: true)
      return try StructuredEvent.event(from: json, using: assembler) == event
    }
  }

  @Test func `an event of text in JSON comes out as it went in`() async throws {
    let assembler = EventAssembler(namespace: .default)
    let events = zip(Self.events, Self.text).map { event, text in
      var event = event
      event.dataContentType = "text/plain"
      event.data = Array(text.utf8)
      return event
    }
    try await checkProperty("text survives structured mode", cases: 300, events) { event in
      let json = try EventWriter.structured(event, base64: false)
      return try StructuredEvent.event(from: json, using: assembler) == event
    }
  }

  @Test func `random bytes are no event and no harm`() async throws {
    let assembler = EventAssembler(namespace: .default)
    let alphabet = Generator<String>.string(of: "{}[]\",:0nul\\tabe ", count: 0...60)
    try await checkProperty("noise is refused", cases: 2000, alphabet) { noise in
      (try? StructuredEvent.event(from: Array(noise.utf8), using: assembler)) == nil
    }
  }
}

extension Generator where Value == [(String, String)] {
  /// Extension attributes with different names.
  static func pairs(values: Generator<String>) -> Generator {
    zip(Generator<String>.string(of: "abcdef0123456789", count: 1...10), values)
      .array(count: 0...6)
      .map { pairs in
        var seen: Set<String> = []
        return pairs.filter { name, _ in seen.insert(name).inserted }
      }
  }
}
