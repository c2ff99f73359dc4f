import ClusterModel

/// Writes an event without its data as JSON, the keys in order: what ``StoredEnvelope`` reads. By hand, because
/// it is done for each event, and an encoder for anything takes ten times as long.
enum EnvelopeText {
  static func of(_ event: Event) -> String {
    var text = JSONText()
    text.field("dataContentType", event.dataContentType)
    text.field("dataSchema", event.dataSchema)
    text.key("extensions")
    text.raw("[")
    for (index, attribute) in event.extensions.enumerated() {
      text.raw(index == 0 ? "{" : ",{")
      text.raw(#""name":"#)
      text.string(attribute.name)
      text.raw(#","value":"#)
      text.string(attribute.value)
      text.raw("}")
    }
    text.raw("]")
    text.field("id", event.id)
    text.field("namespace", event.namespace.text)
    text.field("source", event.source)
    text.field("subject", event.subject)
    text.field("time", event.time?.description)
    text.field("topic", event.topic.text)
    text.field("type", event.type)
    return text.finish()
  }
}

private struct JSONText {
  private var bytes: [UInt8] = []
  private var isFirst = true

  init() { bytes.reserveCapacity(256) }

  mutating func field(_ name: StaticString, _ value: String?) {
    guard let value else { return }
    key(name)
    string(value)
  }

  mutating func key(_ name: StaticString) {
    raw(isFirst ? "{" : ",")
    isFirst = false
    raw("\"")
    raw(name)
    raw("\":")
  }

  mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func string(_ text: String) {
    raw("\"")
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0..<0x20:
        raw("\\u00")
        bytes.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
        bytes.append(Self.digits[Int(byte & 0xf)])
      default: bytes.append(byte)
      }
    }
    raw("\"")
  }

  mutating func finish() -> String {
    raw("}")
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let digits = Array("0123456789abcdef".utf8)
}
