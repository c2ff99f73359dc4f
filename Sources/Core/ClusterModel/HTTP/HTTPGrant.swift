/// A server, or all servers below a domain, that may be asked over HTTP.
public struct HTTPServerPattern: ValidatedText {
  public static let kind = "server"
  public static let rule = """
    a host, or *. and a domain for all hosts below it; before it perhaps http:// (https:// when it is \
    missing), behind it perhaps a port (443, or 80 with http://): api.example.com, \
    http://plc-7.local:8080
    """
  public let text: String
  private let parts: Parts

  private struct Parts: Hashable, Sendable {
    var scheme: HTTPTarget.Scheme
    /// With a dot in front when it stands for what is below.
    var suffix: String?
    var host: HTTPHost?
    var port: UInt16
  }

  public init(unchecked text: String) {
    guard let parts = Self.parse(text) else { preconditionFailure("\(text) is no server") }
    self.text = text
    self.parts = parts
  }

  public static func isValid(_ text: String) -> Bool { parse(text) != nil }

  public func matches(_ target: HTTPTarget) -> Bool {
    guard target.scheme == parts.scheme, target.port == parts.port else { return false }
    if let suffix = parts.suffix {
      guard case .name(let name) = target.host else { return false }
      return name.hasSuffix(suffix) && name.utf8.count > suffix.utf8.count
    }
    switch (parts.host, target.host) {
    case (.name(let own), .name(let other)): return own == other
    case (.address(let own, _), .address(let other, _)): return own == other
    case (.name, .address), (.address, .name), (nil, _): return false
    }
  }

  private static func parse(_ text: String) -> Parts? {
    guard text.utf8.count <= 300, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
      let (given, rest) = HTTPTarget.scheme(of: text[...])
    else { return nil }
    let scheme = given ?? .https
    guard rest.hasPrefix("*.") else {
      guard let (host, port) = HTTPHost.withPort(rest) else { return nil }
      return Parts(scheme: scheme, suffix: nil, host: host, port: port ?? scheme.port)
    }
    guard let (host, port) = HTTPHost.withPort(rest.dropFirst(2)), case .name(let name) = host
    else {
      return nil
    }
    return Parts(scheme: scheme, suffix: "." + name, host: nil, port: port ?? scheme.port)
  }
}

/// Which servers a module may ask over HTTP, and how much.
public struct HTTPGrant: Hashable, Sendable, Codable {
  /// Sorted.
  public var servers: [HTTPServerPattern]
  /// Addresses that are not public to which names may lead; sorted. An address that ``servers`` names is
  /// granted by that, when it is asked for by that.
  public var privateAddresses: [AddressBlock]
  /// The longest body of an answer.
  public var responseSize: ByteCount
  /// From the request to the last byte of its answer.
  public var timeout: Duration

  public init(
    servers: [HTTPServerPattern], privateAddresses: [AddressBlock] = [],
    responseSize: ByteCount = .mebibytes(1), timeout: Duration = .seconds(10)
  ) {
    self.servers = servers.sorted()
    self.privateAddresses = privateAddresses.sorted()
    self.responseSize = responseSize
    self.timeout = timeout
  }

  public enum Range {
    /// It must fit into the line of an answer, in base64.
    public static let responseSize = ByteCount(bytes: 0)...ByteCount.mebibytes(1)
    public static let timeout = Duration.milliseconds(1)...Duration.seconds(60)
  }

  private enum CodingKeys: String, CodingKey {
    case servers, privateAddresses, responseBytes, timeoutMilliseconds
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let milliseconds = try container.decode(Double.self, forKey: .timeoutMilliseconds)
    self.init(
      servers: try container.decode([HTTPServerPattern].self, forKey: .servers),
      privateAddresses: try container.decode([AddressBlock].self, forKey: .privateAddresses),
      responseSize: try container.decode(ByteCount.self, forKey: .responseBytes),
      timeout: .seconds(min(max(milliseconds / 1000, 0), 3600)))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(servers, forKey: .servers)
    try container.encode(privateAddresses, forKey: .privateAddresses)
    try container.encode(responseSize, forKey: .responseBytes)
    try container.encode(timeout.milliseconds, forKey: .timeoutMilliseconds)
  }

  public func allows(_ target: HTTPTarget) -> Bool { servers.contains { $0.matches(target) } }

  /// Whether the name of a granted server may lead there.
  public func allows(_ address: HostAddress) -> Bool {
    address.isPublic || privateAddresses.contains { $0.contains(address) }
  }
}
