import Glibc
import NIOCore

/// Where a connection comes from: what one stranger cannot choose freely. Of IPv6 that is a network, in which a machine
/// takes as many addresses as it likes.
struct ConnectionOrigin: Hashable, Sendable {
  private let bytes: [UInt8]

  init(_ address: SocketAddress?) {
    let text = address?.ipAddress ?? ""
    if let bytes = Self.bytes(of: text, AF_INET, count: 4) {
      self.bytes = bytes
    } else if let all = Self.bytes(of: text, AF_INET6, count: 16) {
      // A port of both kinds shows addresses of IPv4 like this.
      let isMapped = all.starts(with: Self.mapped)
      bytes = isMapped ? Array(all.dropFirst(Self.mapped.count)) : Array(all.prefix(8))
    } else {
      bytes = []
    }
  }

  private static func bytes(of text: String, _ family: Int32, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    return inet_pton(family, text, &bytes) == 1 ? bytes : nil
  }

  private static let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
}
