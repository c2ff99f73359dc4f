internal import ClusterModel
internal import FoundationEssentials

/// Where the server is, and how its resources are addressed.
struct ServerAddress: Sendable {
  /// Without a slash at the end.
  let base: String

  init(_ text: String) throws(Problem) {
    var base = text.contains("://") ? text : "http://" + text
    while base.hasSuffix("/") { base.removeLast() }
    guard let url = URL(string: base), let scheme = url.scheme?.lowercased(),
      scheme == "http" || scheme == "https", let host = url.host(), !host.isEmpty,
      url.query() == nil, url.fragment() == nil
    else {
      throw Problem(
        .invalidInput, code: "server_address_invalid",
        "\"\(text.prefix(80))\" is not the address of a server",
        next: "Write it like http://127.0.0.1:8080.")
    }
    self.base = base
  }

  /// The URL of a resource.
  ///
  /// - Parameters:
  ///   - path: its segments, as they are.
  ///   - query: those without a value are left out.
  func url(_ path: [String], query: [(String, String?)] = []) -> String {
    var url = base
    for segment in path { url += "/" + Self.escape(segment) }
    let given = query.compactMap { name, value in
      value.map { name + "=" + Self.escape($0) }
    }
    return given.isEmpty ? url : url + "?" + given.joined(separator: "&")
  }

  /// Percent-encodes everything but the unreserved characters of RFC 3986.
  private static func escape(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      case _:
        escaped += "%" + Hexadecimal.encode([byte]).uppercased()
      }
    }
    return escaped
  }
}
