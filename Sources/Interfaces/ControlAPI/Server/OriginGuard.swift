internal import ClusterModel
internal import HTTPTypes

/// Refuses what a web page in a browser on this machine could send: a request from another origin,
/// and one for a name that somebody made point here (DNS rebinding).
struct OriginGuard: Sendable {
  /// `nil` when the server speaks TLS: then the certificate has the names, and a page has no token.
  let listening: LoopbackAddress?

  /// - Throws: ``Problem`` with `host_missing`, `host_refused` or `origin_refused`.
  func check(_ head: HTTPRequest) throws(Problem) {
    guard let authority = head.authority, !authority.isEmpty else {
      throw Problem(
        .invalidInput, code: "host_missing", "the request has no Host header",
        next: "Send the header that HTTP/1.1 requires.")
    }
    guard listening == nil || LoopbackAddress.isLoopback(Self.name(in: authority)) else {
      throw refusal(
        "host_refused",
        "the Host header names \"\(authority.prefix(80))\", which is not this machine")
    }
    for origin in head.headerFields[values: .origin] where !Self.isLoopbackOrigin(origin) {
      throw refusal(
        "origin_refused", "a page of \"\(origin.prefix(80))\" may not use this API")
    }
  }

  private func refusal(_ code: String, _ message: String) -> Problem {
    let host = listening.map { $0.host == "::1" ? "[::1]" : $0.host }
    return Problem(
      .refused, code: code, message,
      next: host.map { "Use http://\($0), from no browser page but one of that address." }
        ?? "Use it from no browser page.")
  }

  static func isLoopbackOrigin(_ origin: String) -> Bool {
    for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
      return LoopbackAddress.isLoopback(name(in: String(origin.dropFirst(scheme.count))))
    }
    return false
  }

  /// The name before the port; empty when what follows it is no port.
  private static func name(in authority: String) -> Substring {
    let end: String.Index
    if authority.hasPrefix("[") {
      guard let bracket = authority.firstIndex(of: "]") else { return "" }
      end = authority.index(after: bracket)
    } else {
      end = authority.firstIndex(of: ":") ?? authority.endIndex
    }
    let port = authority[end...].dropFirst()
    let isPort = authority[end...].first == ":" && UInt16(port) != nil
    return authority[end...].isEmpty || isPort ? authority[..<end] : ""
  }
}
