import Foundation
import Glibc

/// HTTP/1.1 over one connection that is kept, one request after the other, without anything that would take
/// time of its own. One thread at a time uses it.
final class Connection: @unchecked Sendable {
  struct Answer {
    var status: Int
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  private let port: UInt16
  private var socket: Int32 = -1
  private var buffer: [UInt8] = []

  init(port: UInt16) { self.port = port }
  deinit { hangUp() }

  /// Asks, and waits for the whole answer. A connection that broke is made anew once.
  func request(_ method: String, _ path: String, _ body: [UInt8] = []) throws -> Answer {
    for attempt in 0... {
      do {
        if socket < 0 { try connect() }
        try write(
          Array(
            ("\(method) \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
              + "content-length: \(body.count)\r\n\r\n").utf8) + body)
        return try read()
      } catch {
        hangUp()
        if attempt > 0 { throw error }
      }
    }
    throw Failure("no answer")
  }

  func json(_ method: String, _ path: String, _ body: [String: Any] = [:]) throws -> [String: Any] {
    let data = body.isEmpty ? Data() : try JSONSerialization.data(withJSONObject: body)
    let answer = try request(method, path, Array(data))
    guard answer.status < 300 else { throw Failure("\(method) \(path): \(answer.text)") }
    return try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any] ?? [:]
  }

  /// Asks, and reads an answer that does not end, line by line, until the connection does.
  ///
  /// - Parameter begun: called once, when the answer has begun.
  func follow(_ path: String, begun: () -> Void, each: (String) -> Void) throws {
    try connect(patience: 0)
    try write(Array("GET \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".utf8))
    guard try line().contains(" 200 ") else { throw Failure("GET \(path) was refused") }
    while try !line().isEmpty {}
    begun()
    // In pieces, each a line or more.
    while let size = Int(try line(), radix: 16), size > 0 {
      let piece = String(decoding: try take(size), as: UTF8.self)
      _ = try take(2)
      for line in piece.split(separator: "\n") { each(String(line)) }
    }
  }

  private func hangUp() {
    if socket >= 0 { close(socket) }
    socket = -1
    buffer = []
  }

  /// - Parameter patience: how long an answer may take, in seconds; 0 for as long as it wants.
  private func connect(patience: Int = 60) throws {
    socket = try Sockets.connect(port: port)
    var patience = timeval(tv_sec: patience, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  private func write(_ bytes: [UInt8]) throws { try Sockets.write(bytes, to: socket) }

  private func more() throws {
    var piece = [UInt8](repeating: 0, count: 65536)
    let count = Glibc.read(socket, &piece, piece.count)
    guard count > 0 else { throw Failure("the connection ended") }
    buffer += piece[..<count]
  }

  private func line() throws -> String {
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeFirst(end + 1)
        return line.hasSuffix("\r") ? String(line.dropLast()) : line
      }
      try more()
    }
  }

  private func take(_ count: Int) throws -> [UInt8] {
    while buffer.count < count { try more() }
    defer { buffer.removeFirst(count) }
    return Array(buffer[..<count])
  }

  private func read() throws -> Answer {
    let words = try line().split(separator: " ")
    guard words.count > 1, let status = Int(words[1]) else { throw Failure("no HTTP") }
    var length = 0
    var isChunked = false
    while true {
      let header = try line().lowercased()
      if header.isEmpty { break }
      if header.hasPrefix("content-length:") {
        length = Int(header.dropFirst(15).drop { $0 == " " }) ?? 0
      }
      if header.hasPrefix("transfer-encoding:") { isChunked = header.contains("chunked") }
    }
    guard isChunked else { return Answer(status: status, body: try take(length)) }
    var body: [UInt8] = []
    while let size = Int(try line(), radix: 16) {
      body += try take(size)
      _ = try take(2)
      if size == 0 { break }
    }
    return Answer(status: status, body: body)
  }
}

struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

enum Sockets {
  private static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return address
  }

  static func withAddress<Result>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    withUnsafePointer(to: address(port)) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func make(_ kind: __socket_type) throws -> Int32 {
    let socket = Glibc.socket(AF_INET, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw Failure("no socket") }
    return socket
  }

  private static func undelayed(_ socket: Int32) -> Int32 {
    var on: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    return socket
  }

  static func connect(port: UInt16) throws -> Int32 {
    let socket = try make(SOCK_STREAM)
    guard withAddress(port, { Glibc.connect(socket, $0, $1) }) == 0 else {
      close(socket)
      throw Failure("nobody listens at port \(port)")
    }
    return undelayed(socket)
  }

  /// - Parameter port: 0 for a free one.
  static func listen(port: UInt16 = 0) throws -> Int32 {
    let socket = try make(SOCK_STREAM)
    var on: Int32 = 1
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    guard withAddress(port, { bind(socket, $0, $1) }) == 0, Glibc.listen(socket, 16) == 0 else {
      close(socket)
      throw Failure("port \(port) cannot be had")
    }
    return socket
  }

  static func accept(_ listener: Int32) -> Int32 {
    let socket = Glibc.accept(listener, nil, nil)
    return socket < 0 ? socket : undelayed(socket)
  }

  static func datagrams(port: UInt16 = 0) throws -> Int32 {
    let socket = try make(SOCK_DGRAM)
    guard withAddress(port, { bind(socket, $0, $1) }) == 0 else {
      close(socket)
      throw Failure("port \(port) cannot be had")
    }
    return socket
  }

  static func port(of socket: Int32) -> UInt16 {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(socket, $0, &size) }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  /// A port that is free for streams and datagrams; nobody else takes it that soon.
  static func freePort() throws -> UInt16 {
    for _ in 0..<100 {
      let stream = try listen()
      defer { close(stream) }
      if let datagrams = try? datagrams(port: port(of: stream)) {
        close(datagrams)
        return port(of: stream)
      }
    }
    throw Failure("there is no free port")
  }

  static func write(_ bytes: [UInt8], to socket: Int32) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(socket, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Failure("the connection ended") }
      sent += count
    }
  }
}
