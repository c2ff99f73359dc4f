internal import ClusterModel
internal import HTTPTypes

/// The attributes of an event in HTTP headers (CloudEvents HTTP binding 1.0.2, section 3.1).
enum BinaryEvent {
  private static let prefix = "ce-"

  /// Whether a request has any attribute in its headers.
  static func isPresent(in headers: HTTPFields) -> Bool {
    headers.contains { $0.name.canonicalName.hasPrefix(prefix) }
  }

  /// - Throws: ``Problem`` with `event_invalid`.
  static func attributes(in headers: HTTPFields) throws(Problem) -> [String: String] {
    var attributes: [String: String] = [:]
    if let type = headers[.contentType] { attributes["datacontenttype"] = type }
    for field in headers where field.name.canonicalName.hasPrefix(prefix) {
      let name = String(field.name.canonicalName.dropFirst(prefix.count))
      guard name != "datacontenttype" else {
        throw EventAssembler.invalid(name, "it is the header Content-Type")
      }
      guard let value = PercentEncoding.decode(try unquoted(field.value, of: name)) else {
        throw EventAssembler.invalid(
          String(name.prefix(40)), "it must be UTF-8, percent-encoded where it is not ASCII")
      }
      guard attributes.updateValue(value, forKey: name) == nil else {
        throw EventAssembler.invalid(name, "it is given twice")
      }
    }
    return attributes
  }

  /// What stands between double quotes, without its backslashes (RFC 7230, section 3.2.6).
  private static func unquoted(_ value: String, of name: String) throws(Problem) -> String {
    guard value.hasPrefix("\"") else { return value }
    var text = ""
    var isEscaped = false
    var isOpen = true
    for character in value.unicodeScalars.dropFirst() {
      guard isOpen else {
        throw EventAssembler.invalid(name, "something stands after the closing quote")
      }
      if isEscaped {
        text.unicodeScalars.append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isOpen = false
      } else {
        text.unicodeScalars.append(character)
      }
    }
    guard !isOpen else { throw EventAssembler.invalid(name, "the closing quote is missing") }
    return text
  }
}
