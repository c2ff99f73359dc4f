import CHeartbeatLink
public import ClusterModel

/// Where datagrams are sent to: an address of IPv4 or IPv6 with a port.
///
/// `@unchecked Sendable`: a C structure of bytes that is never changed.
public struct DatagramAddress: Hashable, @unchecked Sendable, CustomStringConvertible {
  let raw: hl_address

  init(_ raw: hl_address) { self.raw = raw }

  /// Blocks while a name is looked up; an address is understood at once.
  ///
  /// - Parameters:
  ///   - host: an address (`127.0.0.1`, `::1`) or a name.
  ///   - port: to listen on, 0 is any that is free.
  /// - Throws: ``Problem`` when there is no such host.
  public init(host: String, port: UInt16) throws(Problem) {
    var address = hl_address()
    if let complaint = hl_resolve(host, port, &address) {
      throw Problem(
        .invalidInput, code: "no_such_host", "there is no host \(host) for heartbeats",
        cause: String(cString: complaint), next: "Give an address such as 127.0.0.1, or a name.")
    }
    raw = address
  }

  /// Whether a host is an address rather than a name that would have to be looked up.
  static func isNumeric(_ host: String) -> Bool {
    !host.isEmpty && host.utf8.count < Int(HL_HOST_SIZE)
      && (host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." })
  }

  /// As the system takes it (`sockaddr`).
  public var systemBytes: [UInt8] {
    withUnsafeBytes(of: raw.bytes) { Array($0.prefix(Int(raw.length))) }
  }

  private var parts: (host: String, port: UInt16)? {
    var raw = raw
    var port: UInt16 = 0
    var host = [CChar](repeating: 0, count: Int(HL_HOST_SIZE))
    guard hl_format(&raw, &host, &port) else { return nil }
    return (String(decoding: host.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self), port)
  }

  public var port: UInt16 { parts?.port ?? 0 }
  var host: String { parts?.host ?? "" }

  public var description: String {
    guard let (host, port) = parts else { return "an unknown address" }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  public static func == (left: Self, right: Self) -> Bool {
    left.systemBytes == right.systemBytes
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(systemBytes) }
}
