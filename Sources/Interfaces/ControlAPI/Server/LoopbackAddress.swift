internal import ClusterModel

/// An address that only this machine reaches.
struct LoopbackAddress: Sendable, Hashable {
  /// As the socket takes it: `127.0.0.1`, `::1`.
  let host: String

  /// - Throws: ``Problem`` with `listen_beyond_loopback`.
  init(_ text: String) throws(Problem) {
    guard let host = Self.canonical(text) else {
      throw Problem(
        .refused, code: "listen_beyond_loopback",
        "\(text.prefix(80)) can be reached from other machines",
        next:
          "Listen on 127.0.0.1, or give the server an identity: then it speaks TLS and wants tokens."
      )
    }
    self.host = host
  }

  /// Whether a name in a URL, such as `localhost` or `[::1]`, means this machine.
  static func isLoopback(_ name: some StringProtocol) -> Bool { canonical(name) != nil }

  private static func canonical(_ text: some StringProtocol) -> String? {
    var name = text.lowercased()
    if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
    if name == "localhost" || name == "localhost." { return "127.0.0.1" }
    if name == "::1" || name == "0:0:0:0:0:0:0:1" { return "::1" }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "127",
      parts.allSatisfy({ (1...3).contains($0.utf8.count) && UInt8($0) != nil })
    else { return nil }
    return name
  }
}
