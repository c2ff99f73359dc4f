import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc
import Measuring

/// Bytes of an invocation's size, echoed over a bare TCP connection by a process of its own.
enum EchoServer {
  static func start() throws -> UInt16 {
    let listener = try Sockets.listen()
    let port = Sockets.port(of: listener)
    // The child has the listener, and ends when the connection does.
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_adddup2(&files, listener, 3)
    let words = [strdup("/proc/self/exe"), strdup("echo"), nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    guard posix_spawn(&child, "/proc/self/exe", &files, nil, words, environ) == 0 else {
      throw Failure("the echo cannot be started")
    }
    close(listener)
    return port
  }

  static func serve() {
    let socket = Sockets.accept(3)
    var piece = [UInt8](repeating: 0, count: 65536)
    while case let count = read(socket, &piece, piece.count), count > 0 {
      guard (try? Sockets.write(Array(piece[..<count]), to: socket)) != nil else { return }
    }
  }
}

final class EchoClient {
  private let socket: Int32
  private let bytes = [UInt8](repeating: 7, count: 300)

  init(port: UInt16) throws { socket = try Sockets.connect(port: port) }
  deinit { close(socket) }

  func turn() throws {
    try Sockets.write(bytes, to: socket)
    var left = bytes.count
    var piece = bytes
    while left > 0 {
      let count = read(socket, &piece, left)
      guard count > 0 else { throw Failure("the echo ended") }
      left -= count
    }
  }
}

/// A stream of gRPC over a bare connection to a process of its own, which echoes each message: what the
/// library itself takes.
final class PingPong: Sendable {
  private let process: Process
  private let messages: AsyncStream<[UInt8]>.Continuation
  private let answers = DispatchSemaphore(value: 0)
  private let opened = DispatchSemaphore(value: 0)

  static let method = MethodDescriptor(fullyQualifiedService: "bench.Echo", method: "Echo")

  init() throws {
    let port = try Sockets.freePort()
    process = try Process(["/proc/self/exe", "ping-pong", "\(port)"], log: "/dev/null")
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    messages = continuation
    for _ in 0..<1000 {
      if let socket = try? Sockets.connect(port: port) {
        close(socket)
        break
      }
      usleep(5000)
    }
    Task.detached { try await self.live(port, stream) }
    guard opened.wait(timeout: .now() + 30) == .success else { throw Failure("no gRPC") }
  }

  /// The other end is a process of its own, and would outlive this one.
  func end() {
    messages.finish()
    process.end()
  }

  private func live(_ port: UInt16, _ messages: AsyncStream<[UInt8]>) async throws {
    let transport = try HTTP2ClientTransport.Posix(
      target: .ipv4(address: "127.0.0.1", port: Int(port)), transportSecurity: .plaintext)
    try await withGRPCClient(transport: transport) { client in
      try await client.bidirectionalStreaming(
        request: StreamingClientRequest { writer in
          for await message in messages { try await writer.write(message) }
        }, descriptor: Self.method, serializer: Plain(), deserializer: Plain(),
        options: .defaults
      ) { response in
        self.opened.signal()
        for try await _ in response.messages { self.answers.signal() }
      }
    }
  }

  func time(_ count: Int) -> [Int64] {
    let message = [UInt8](repeating: 7, count: 300)
    return (0..<count).map { _ in
      let start = Measuring.clock()
      messages.yield(message)
      answers.wait()
      return Measuring.clock() - start
    }
  }
}

/// The other end.
struct PingPongService: RegistrableRPCService {
  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    router.registerHandler(
      forMethod: PingPong.method, deserializer: Plain(), serializer: Plain()
    ) { request, _ in
      StreamingServerResponse { writer in
        for try await message in request.messages { try await writer.write(message) }
        return [:]
      }
    }
  }

  static func serve(port: Int) async throws {
    let server = GRPCServer(
      transport: HTTP2ServerTransport.Posix(
        address: .ipv4(host: "127.0.0.1", port: port), transportSecurity: .plaintext),
      services: [PingPongService()])
    try await server.serve()
  }
}

/// Bytes as they are.
struct Plain: MessageSerializer, MessageDeserializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }

  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
    bytes.withUnsafeBytes { Array($0) }
  }
}
