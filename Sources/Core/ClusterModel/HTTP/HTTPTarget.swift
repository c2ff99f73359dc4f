/// Where a request over HTTP goes, of a URL that leaves no doubt: whoever connects makes its own URL of
/// these parts, so that no two readers of one text disagree about its host.
public struct HTTPTarget: Hashable, Sendable {
  public enum Scheme: String, Hashable, Sendable, Codable, CaseIterable {
    case http, https

    public var port: UInt16 {
      switch self {
      case .http: 80
      case .https: 443
      }
    }
  }

  public var scheme: Scheme
  public var host: HTTPHost
  public var port: UInt16
  /// Path and query, beginning with a slash.
  public var path: String

  public init(scheme: Scheme, host: HTTPHost, port: UInt16, path: String) {
    self.scheme = scheme
    self.host = host
    self.port = port
    self.path = path
  }

  /// The longest URL.
  public static let longest = 8192
  public static let rule = """
    http:// or https://, a host, perhaps a port, a path and a query, in printable ASCII, at most \
    \(longest) bytes; without a user and a fragment
    """

  /// `nil` when it is none, by ``rule``.
  public init?(_ text: String) {
    guard text.utf8.count <= Self.longest, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
      !text.utf8.contains(UInt8(ascii: "#")), !text.utf8.contains(UInt8(ascii: "\\")),
      let (scheme, rest) = Self.scheme(of: text[...])
    else { return nil }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    guard let scheme, let (host, port) = HTTPHost.withPort(rest[..<end]) else { return nil }
    self.scheme = scheme
    self.host = host
    self.port = port ?? scheme.port
    let path = rest[end...]
    self.path = path.hasPrefix("/") ? String(path) : "/" + path
  }

  /// - Returns: `nil` when it has one that is not known; in front of `://`.
  static func scheme(of text: Substring) -> (Scheme?, Substring)? {
    guard let separator = text.firstRange(of: "://") else { return (nil, text) }
    guard let scheme = Scheme(rawValue: text[..<separator.lowerBound].lowercased()) else {
      return nil
    }
    return (scheme, text[separator.upperBound...])
  }

  /// `https://api.example.com:8443/readings`.
  public var text: String { "\(scheme.rawValue)://\(host.bracketed):\(port)\(path)" }
}

/// The name or the address of a machine.
public enum HTTPHost: Hashable, Sendable {
  /// In lower case, without a final dot.
  case name(String)
  case address(HostAddress, text: String)

  /// As it stands in a URL.
  public var bracketed: String {
    switch self {
    case .name(let name): name
    case .address(.v4, let text): text
    case .address(.v6, let text): "[\(text)]"
    }
  }

  /// `host`, `host:port`, `[v6]`, `[v6]:port`.
  static func withPort(_ text: Substring) -> (HTTPHost, UInt16?)? {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]"),
        case let inner = text[text.index(after: text.startIndex)..<end],
        inner.contains(":"), let address = HostAddress(String(inner)),
        let port = port(text[text.index(after: end)...])
      else { return nil }
      // What is IPv4 within is called so, and is checked as such.
      guard case .v6 = address else { return nil }
      return (.address(address, text: String(inner)), port)
    }
    let end = text.firstIndex(of: ":") ?? text.endIndex
    guard let port = port(text[end...]), let host = HTTPHost(name: text[..<end]) else { return nil }
    return (host, port)
  }

  /// - Returns: `.some(nil)` when there is none.
  private static func port(_ text: Substring) -> UInt16?? {
    guard text.hasPrefix(":") else { return text.isEmpty ? .some(nil) : nil }
    let digits = text.dropFirst()
    guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let port = UInt16(digits), port > 0
    else { return nil }
    return port
  }

  /// A name as RFC 1123 has it, or an IPv4 address.
  init?(name text: Substring) {
    let name = text.lowercased()
    if let address = HostAddress(name) {
      guard case .v4 = address else { return nil }
      self = .address(address, text: name)
      return
    }
    guard Self.isName(name[...]) else { return nil }
    self = .name(name)
  }

  /// Labels of letters, digits, hyphens and underscores. The last one is no number: such a name is an
  /// address to some.
  static func isName(_ name: Substring) -> Bool {
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard name.utf8.count <= 253, let last = labels.last,
      let first = last.utf8.first, !(0x30...0x39).contains(first)
    else { return false }
    return labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
        && label.utf8.last != UInt8(ascii: "-")
        && label.utf8.allSatisfy {
          (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
            || $0 == UInt8(ascii: "_")
        }
    }
  }
}
