import ClusterModel

/// Writes an event without its data as JSON, the keys in order: what ``StoredEnvelope`` reads. By hand, because
/// it is done for each event, and an encoder for anything takes ten times as long.
enum EnvelopeText {
  /// Puts it behind what is there.
  static func put(_ event: Event, into bytes: inout [UInt8]) {
    var text = JSONText()
    text.field("dataContentType", event.dataContentType, &bytes)
    text.field("dataSchema", event.dataSchema, &bytes)
    text.key("extensions", &bytes)
    text.raw("[", &bytes)
    for (index, attribute) in event.extensions.enumerated() {
      text.raw(index == 0 ? #"{"name":"# : #",{"name":"#, &bytes)
      text.string(attribute.name, &bytes)
      text.raw(#","value":"#, &bytes)
      text.string(attribute.value, &bytes)
      text.raw("}", &bytes)
    }
    text.raw("]", &bytes)
    text.field("id", event.id, &bytes)
    text.field("namespace", event.namespace.text, &bytes)
    text.field("source", event.source, &bytes)
    text.field("subject", event.subject, &bytes)
    text.field("time", event.time?.description, &bytes)
    text.field("topic", event.topic.text, &bytes)
    text.field("type", event.type, &bytes)
    text.raw("}", &bytes)
  }
}

private struct JSONText {
  private var isFirst = true

  init() {}

  mutating func field(_ name: StaticString, _ value: String?, _ bytes: inout [UInt8]) {
    guard let value else { return }
    key(name, &bytes)
    string(value, &bytes)
  }

  mutating func key(_ name: StaticString, _ bytes: inout [UInt8]) {
    raw(isFirst ? "{\"" : ",\"", &bytes)
    isFirst = false
    raw(name, &bytes)
    raw("\":", &bytes)
  }

  func raw(_ text: StaticString, _ bytes: inout [UInt8]) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  func string(_ text: String, _ bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { characters in
      if characters.contains(where: Self.isEscaped) {
        for byte in characters { put(byte, &bytes) }
      } else {
        bytes.append(contentsOf: characters)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func isEscaped(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private func put(_ byte: UInt8, _ bytes: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      bytes.append(UInt8(ascii: "\\"))
      bytes.append(byte)
    case 0..<0x20:
      raw("\\u00", &bytes)
      bytes.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
      bytes.append(Self.digits[Int(byte & 0xf)])
    default: bytes.append(byte)
    }
  }

  private static let digits = Array("0123456789abcdef".utf8)
}
