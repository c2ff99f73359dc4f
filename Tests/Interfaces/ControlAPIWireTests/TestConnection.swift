import Foundation
import Glibc

/// What a server sent until it closed the connection, read by a parser that is not the server's.
struct TestAnswer: Sendable {
  let status: Int
  /// By name in lower case.
  let headers: [String: String]
  let body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }
  var lines: [String] { text.split(separator: "\n").map(String.init) }

  /// `nil` when it is no whole HTTP answer.
  init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.lowerBound else { return nil }
    let head = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
    guard let status = head.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    self.status = status
    var headers: [String: String] = [:]
    for line in head.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
    }
    self.headers = headers
    let rest = bytes[(end + 4)...]
    if headers["transfer-encoding"] == "chunked" {
      guard let body = Self.joined(rest) else { return nil }
      self.body = body
    } else {
      body = [UInt8](rest)
    }
  }

  private static func joined(_ chunks: ArraySlice<UInt8>) -> [UInt8]? {
    var rest = chunks
    var body: [UInt8] = []
    while let end = rest.firstRange(of: Array("\r\n".utf8)) {
      guard let size = Int(String(decoding: rest[..<end.lowerBound], as: UTF8.self), radix: 16),
        rest.endIndex >= end.upperBound + size
      else { return nil }
      if size == 0 { return body }
      body += rest[end.upperBound..<(end.upperBound + size)]
      rest = rest[(end.upperBound + size)...].dropFirst(2)
    }
    return nil
  }
}

struct ConnectionFailed: Error {
  let step: String
  let code = errno
}

/// One connection to a server of this process, over a socket of the system.
enum TestConnection {
  /// Sends bytes, and reads until the server closes the connection, nothing comes for `patience`,
  /// or `isEnough`.
  static func exchange(
    _ bytes: [UInt8], port: Int, patience: Int = 10,
    until isEnough: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }
  ) async throws -> [UInt8] {
    try await withCheckedThrowingContinuation { continuation in
      // A thread of its own: those of Dispatch are those that Swift's tasks, and the server, need.
      Thread.detachNewThread {
        continuation.resume(
          with: Result { try blocking(bytes, port: port, patience, isEnough) })
      }
    }
  }

  private static func blocking(
    _ bytes: [UInt8], port: Int, _ patience: Int, _ isEnough: ([UInt8]) -> Bool
  ) throws -> [UInt8] {
    let descriptor = try connected(port: port, patience: patience)
    defer { close(descriptor) }
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      // A server that refuses before it has read everything closes: what it said is read below.
      guard count > 0 else { break }
      sent += count
    }
    var received: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while !isEnough(received) {
      let count = recv(descriptor, &piece, piece.count, 0)
      guard count > 0 else { break }
      received += piece[..<count]
    }
    return received
  }

  /// A connected socket, that the caller closes.
  static func connected(port: Int, patience: Int = 10) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw ConnectionFailed(step: "socket") }
    var time = timeval(tv_sec: patience, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      close(descriptor)
      throw ConnectionFailed(step: "connect")
    }
    return descriptor
  }
}
