import Synchronization

/// Where agents attach, as those that join are told: `10.0.0.1:7443`, or `:7443` for the host that they asked.
final class AttachPoint: Sendable {
  private let address = Mutex<String?>(nil)

  var addresses: [String] { address.withLock { $0.map { [$0] } ?? [] } }

  /// - Parameter host: `nil` for the one that whoever joins has asked.
  func set(host: String?, port: Int) {
    let host = host.map { $0.contains(":") ? "[\($0)]" : $0 } ?? ""
    address.withLock { $0 = "\(host):\(port)" }
  }
}
