import ArgumentParser

/// Where a server listens: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`. Port 0 takes any free one.
struct ListenAddress: ExpressibleByArgument, Hashable {
  let host: String
  let port: Int

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"),
      let port = Int(argument[argument.index(after: colon)...]), (0...65_535).contains(port)
    else { return nil }
    var host = String(argument[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty else { return nil }
    self.init(host: host, port: port)
  }

  /// Whether only this machine reaches it.
  var isLoopback: Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// Whether it is no address in particular.
  var isAnyAddress: Bool { host == "0.0.0.0" || host == "::" }

  var defaultValueDescription: String { "\(host):\(port)" }

  /// The address with the port that was really taken.
  func url(port: Int, isSecure: Bool) -> String {
    let scheme = isSecure ? "https" : "http"
    return host.contains(":") ? "\(scheme)://[\(host)]:\(port)" : "\(scheme)://\(host):\(port)"
  }
}
