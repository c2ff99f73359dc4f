internal import ClusterModel
internal import FoundationEssentials

/// Where the server is, and how its resources are addressed.
struct ServerAddress: Sendable {
  /// Without a slash at the end.
  let base: String
  let isSecure: Bool
  /// Without the brackets of an IPv6 address.
  let host: String
  let port: Int?
  /// What stands before the paths of requests: ``base``, or the name that the certificate is checked for.
  private var requestBase: String

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
    requestBase = base
    isSecure = scheme == "https"
    self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    port = url.port
  }

  /// Whether only this machine reaches it.
  var isLoopback: Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// The same server, asked for by the name that its certificate must have.
  func named(_ name: String) -> ServerAddress {
    var copy = self
    copy.requestBase = "https://\(name)\(port.map { ":\($0)" } ?? "")"
    return copy
  }

  /// The same place, over TLS.
  var secured: ServerAddress? {
    try? ServerAddress("https://" + base.drop { $0 != ":" }.dropFirst(3))
  }

  /// The URL of a resource.
  ///
  /// - Parameters:
  ///   - path: its segments, as they are.
  ///   - query: those without a value are left out.
  func url(_ path: [String], query: [(String, String?)] = []) -> String {
    var url = requestBase
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
