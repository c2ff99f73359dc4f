import ClusterModel
import WireProtocol

/// Where the control plane said that agents attach: `10.0.0.1:7443`, or `:7443` for the host that was asked.
enum AttachAddress {
  /// - Parameter server: the URL with which the node joined.
  /// - Throws: ``Problem`` `attach_address_invalid`.
  static func parse(_ text: String, askedAt server: String) throws(Problem)
    -> RemoteControlPlane.Address
  {
    if text.hasPrefix(":"), let port = Int(text.dropFirst()), let host = host(of: server) {
      return RemoteControlPlane.Address(host: host, port: port)
    }
    guard let address = ListenAddress(argument: text) else {
      throw Problem(
        .invalidInput, code: "attach_address_invalid",
        "agents cannot attach at \(text)", next: "Give the control plane a name with --advertise.")
    }
    return RemoteControlPlane.Address(host: address.host, port: address.port)
  }

  private static func host(of url: String) -> String? {
    let parts = url.split(separator: "/", omittingEmptySubsequences: true)
    guard parts.count >= 2, parts[0].hasSuffix(":") else { return nil }
    let authority = parts[1]
    if authority.hasPrefix("[") {
      return authority.firstIndex(of: "]").map {
        String(authority[authority.index(after: authority.startIndex)..<$0])
      }
    }
    return String(authority.prefix { $0 != ":" })
  }
}
