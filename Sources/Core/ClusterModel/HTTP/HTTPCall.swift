/// A request over HTTP that a guest makes.
public struct HTTPCall: Hashable, Sendable {
  public struct Header: Hashable, Sendable {
    /// In lower case.
    public var name: String
    public var value: String
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public var method: String
  public var target: HTTPTarget
  public var headers: [Header]
  public var body: [UInt8]

  public init(method: String, target: HTTPTarget, headers: [Header] = [], body: [UInt8] = []) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
  }

  /// `GET https://api.example.com:443/readings`, for messages.
  public var text: String { "\(method) \(target.text)" }
}

/// What a request over HTTP must keep to.
public enum HTTPRules {
  public static let methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
  public static let maximumHeaders = 64
  public static let maximumHeaderLength = 8192
  /// Those that belong to the connection, which is not the guest's.
  private static let reserved: Set<String> = [
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
  ]

  /// Why a header cannot be sent; `nil` when it can.
  public static func complaint(of header: HTTPCall.Header) -> String? {
    let symbols = Set("!#$%&'*+-.^_`|~".utf8)
    guard (1...128).contains(header.name.utf8.count),
      header.name.utf8.allSatisfy({
        (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || symbols.contains($0)
      })
    else { return "a header's name is 1 to 128 letters, digits and signs, as RFC 9110 has it" }
    guard !reserved.contains(header.name) else {
      return "the header \(header.name) belongs to the connection"
    }
    guard header.value.utf8.count <= maximumHeaderLength,
      header.value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 })
    else { return "the value of \(header.name) is too long, or holds control characters" }
    return nil
  }
}

/// What a server answered.
public struct HTTPAnswer: Hashable, Sendable {
  public var status: Int
  public var headers: [HTTPCall.Header]
  public var body: [UInt8]

  public init(status: Int, headers: [HTTPCall.Header], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}
