import Foundation
import Glibc

/// A NATS server with JetStream, in a folder of its own.
final class NATSServer {
  private let process: Process
  let port: UInt16

  /// - Parameter syncsAlways: every message is synced before it is acknowledged; else as the server does by
  ///   itself, which is every two minutes.
  init(_ program: String, in workspace: Workspace, syncsAlways: Bool) throws {
    let folder = workspace.path + (syncsAlways ? "/nats-always" : "/nats-default")
    port = try NATSServer.freePort()
    let sync = syncsAlways ? ", sync_interval: always" : ""
    try """
    listen: "127.0.0.1:\(port)"
    jetstream: { store_dir: "\(folder)"\(sync) }
    """.write(toFile: folder + ".conf", atomically: true, encoding: .utf8)
    process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = ["-c", folder + ".conf"]
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
  }

  private static func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard result else { throw MeasuringFailed("no port is free") }
    return UInt16(bigEndian: address.sin_port)
  }
}

private func loopback(port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return address
}

/// A client with a socket that blocks: no thread and no queue stands between it and the server, so that what
/// is measured is the server.
final class NATSConnection {
  /// Lives as long as somebody is connected to it.
  private let server: NATSServer
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0

  init(to server: NATSServer) throws {
    self.server = server
    descriptor = try Self.connect(server.port)
    _ = try line()
    try send(#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"bench"}"# + "\r\n")
    try send("SUB reply.> 1\r\nPING\r\n")
    while try line() != "PONG" {}
  }

  deinit { close(descriptor) }

  /// Publishes, and waits for the message that answers it.
  func request(_ subject: String, _ reply: String, _ payload: [UInt8]) throws -> Message {
    try publish(subject, reply, payload)
    return try message()
  }

  func publish(_ subject: String, _ reply: String, _ payload: [UInt8]) throws {
    try send(Array("PUB \(subject) \(reply) \(payload.count)\r\n".utf8) + payload + [13, 10])
  }

  struct Message {
    var reply: String?
    var payload: [UInt8]
  }

  func message() throws -> Message {
    while true {
      let words = try line().split(separator: " ").map(String.init)
      switch words.first {
      case "MSG":
        guard let count = words.last.flatMap({ Int($0) }) else { break }
        return Message(reply: words.count == 5 ? words[3] : nil, payload: try bytes(count))
      case "HMSG":
        guard let count = words.last.flatMap({ Int($0) }) else { break }
        // A status: nothing was there.
        throw MeasuringFailed(String(decoding: try bytes(count), as: UTF8.self))
      case "PING": try send("PONG\r\n")
      case "-ERR": throw MeasuringFailed(words.joined(separator: " "))
      case _: break
      }
    }
  }

  private func send(_ text: String) throws { try send(Array(text.utf8)) }

  private func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(descriptor, $0.baseAddress! + sent, bytes.count - sent)
      }
      guard count > 0 else { throw MeasuringFailed("nats-server hung up") }
      sent += count
    }
  }

  private func line() throws -> String {
    while true {
      if let end = buffer[start...].firstIndex(of: 10) {
        defer { start = end + 1 }
        return String(decoding: buffer[start..<max(start, end - 1)], as: UTF8.self)
      }
      try fill()
    }
  }

  private func bytes(_ count: Int) throws -> [UInt8] {
    while buffer.count - start < count + 2 { try fill() }
    defer { start += count + 2 }
    return Array(buffer[start..<(start + count)])
  }

  private func fill() throws {
    buffer.removeFirst(start)
    start = 0
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = read(descriptor, &chunk, chunk.count)
    guard count > 0 else { throw MeasuringFailed("nats-server hung up") }
    buffer.append(contentsOf: chunk.prefix(count))
  }

  /// The server needs a moment.
  private static func connect(_ port: UInt16) throws -> Int32 {
    for _ in 0..<500 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = loopback(port: port)
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      if result == 0 {
        var on: Int32 = 1
        setsockopt(
          descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
      }
      close(descriptor)
      usleep(10_000)
    }
    throw MeasuringFailed("nats-server does not answer")
  }
}

/// A work queue of JetStream with one pull consumer.
final class JetStreamQueue {
  private let connection: NATSConnection
  private var number = 0

  init(on connection: NATSConnection) throws {
    self.connection = connection
    let stream = """
      {"name":"bench","subjects":["bench.>"],"storage":"file","retention":"workqueue","num_replicas":1}
      """
    let consumer = """
      {"stream_name":"bench","config":{"durable_name":"worker","ack_policy":"explicit"}}
      """
    try Self.require(
      connection.request("$JS.API.STREAM.CREATE.bench", "reply.c", Array(stream.utf8)))
    try Self.require(
      connection.request(
        "$JS.API.CONSUMER.DURABLE.CREATE.bench.worker", "reply.c", Array(consumer.utf8)))
  }

  /// Publishes a message and waits until it is kept.
  func publish(_ payload: [UInt8]) throws {
    number += 1
    try Self.require(connection.request("bench.reading", "reply.\(number)", payload))
  }

  /// Pulls a message, and returns when its acknowledgement is acknowledged.
  func handle(_ body: ([UInt8]) -> Void) throws {
    number += 1
    let message = try connection.request(
      "$JS.API.CONSUMER.MSG.NEXT.bench.worker", "reply.\(number)", Array("1".utf8))
    guard let reply = message.reply else { throw MeasuringFailed("a message without a reply") }
    body(message.payload)
    number += 1
    _ = try connection.request(reply, "reply.\(number)", Array("+ACK".utf8))
  }

  private static func require(_ answer: NATSConnection.Message) throws {
    let text = String(decoding: answer.payload, as: UTF8.self)
    guard !text.contains("\"error\"") else { throw MeasuringFailed(text) }
  }
}
