import Dispatch
import Foundation
import Glibc

/// A connection on which a test sends any bytes. It blocks threads of its own, not those that the
/// server's tasks need.
final class RawConnection: Sendable {
  private let descriptor: Int32
  private let queue = DispatchQueue(label: "raw-connection")

  /// Connects to a port of this machine; calls give up after some seconds.
  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if connected != 0 { throw ConnectionFailure() }
  }

  struct ConnectionFailure: Error {}

  deinit { close(descriptor) }

  func write(_ text: String) async { await write(Array(text.utf8)) }

  /// Sends as much as the other end takes.
  func write(_ bytes: [UInt8]) async {
    await onQueue { descriptor in
      var sent = 0
      while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes {
          send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count <= 0 { return }
        sent += count
      }
    }
  }

  func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// What comes until `end` was seen or the other end closes.
  func read(until end: String? = nil) async -> String {
    await onQueue { descriptor in
      var bytes: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count <= 0 { break }
        bytes += chunk[..<count]
        let text = String(decoding: bytes, as: UTF8.self)
        if let end, text.contains(end) { return text }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private func onQueue<Value: Sendable>(_ work: @escaping @Sendable (Int32) -> Value) async
    -> Value
  {
    await withCheckedContinuation { continuation in
      queue.async { [descriptor] in continuation.resume(returning: work(descriptor)) }
    }
  }
}
