import ClusterModel
import ControlAPIModel
import Glibc
import PropertyTesting
import Testing

/// Whatever is sent, the server refuses it cleanly and goes on.
@Suite(.serialized) struct HostileTests {
  static let jsonRoutes: [(String, [(String, String)])] = [
    ("/v1/deployments", []), ("/v1/trust/keys", []), ("/v1/events", [EventTests.structured]),
    ("/v1/events", [EventTests.batch]),
  ]

  @Test func `malformed JSON is refused on every route that takes it`() async throws {
    let bodies: [[UInt8]] = [
      [], [0], [0xff, 0xfe, 0x7b, 0x00], [0xc3, 0x28], Array("{".utf8), Array("nul".utf8),
      Array("\"\\ud800\"".utf8), Array("{\"manifest\":1}".utf8), Array("[1]".utf8),
      Array("{\"a\":1e999999}".utf8), [UInt8](repeating: UInt8(ascii: "["), count: 100_000),
      Array(String(repeating: "{\"a\":", count: 100_000).utf8),
      [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        + [UInt8](repeating: UInt8(ascii: "]"), count: 100_000),
    ]
    try await TestServer.run { server in
      for (path, headers) in Self.jsonRoutes {
        for body in bodies {
          let answer = try await server.send("POST", path, headers, body: body)
          #expect(answer.status == 400, "\(path) \(body.prefix(12))")
          #expect(try answer.problemCode() != nil)
        }
      }
      #expect(server.cluster.now.callers.isEmpty)
    }
  }

  @Test func `any bytes as JSON never end the server`() async throws {
    let pieces = Generator<[UInt8]>.oneOf([
      .element(
        of: ["{", "}", "[", "]", ":", ",", "\"", "\\", "\"data\":", "\"id\":\"x\"", "null", "1e5"]
          .map { Array($0.utf8) }),
      .bytes(count: 0...4),
    ])
    let bodies = pieces.array(count: 0...30).map { Array($0.joined()) }
    try await TestServer.run { server in
      try await checkProperty("any body is answered", bodies) { body in
        for (path, headers) in Self.jsonRoutes {
          let answer = try await server.send("POST", path, headers, body: body)
          guard [200, 202, 400].contains(answer.status) else { return false }
        }
        return true
      }
    }
  }

  @Test func `a body that is too large is refused by what it announces and by what comes`()
    async throws
  {
    try await TestServer.run { server in
      let huge = ("Content-Length", String(APILimits.moduleBody.bytes + 1))
      let head = Array(
        "PUT /v1/modules/a/versions/1 HTTP/1.1\r\nHost: localhost\r\n\(huge.0): \(huge.1)\r\n\r\n"
          .utf8)
      let announced = try #require(
        TestAnswer(try await TestConnection.exchange(head, port: server.port)))
      #expect(announced.status == 413)
      #expect(try announced.problemCode() == "body_too_large")
      var chunked = Array(
        "POST /v1/trust/keys HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".utf8
      )
      let piece = Array("100000\r\n".utf8) + [UInt8](repeating: 32, count: 1 << 20) + [13, 10]
      for _ in 0..<6 { chunked += piece }
      let came = try #require(
        TestAnswer(try await TestConnection.exchange(chunked, port: server.port)))
      #expect(came.status == 413)
    }
  }

  @Test func `requests that are no HTTP get an error or a closed connection`() async throws {
    let requests = [
      "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "a", count: 300_000))\r\n\r\n",
      "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
      "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]
    try await TestServer.run { server in
      for request in requests {
        let bytes = try await TestConnection.exchange(Array(request.utf8), port: server.port) {
          TestAnswer($0) != nil
        }
        if let answer = TestAnswer(bytes) {
          #expect((400..<600).contains(answer.status), "\(request.prefix(80))")
        }
        #expect(try await server.send("GET", "/healthz").status == 200)
      }
    }
  }

  @Test func `thousands of idle connections do not keep others out`() async throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    // Both ends are in this process, and it needs some for itself.
    let count = min(2000, (Int(clamping: limit.rlim_cur) - 300) / 2)
    try await TestServer.run { server in
      let idle = try (0..<count).map { _ in try TestConnection.connected(port: server.port) }
      defer { for descriptor in idle { close(descriptor) } }
      #expect(try await server.send("GET", "/healthz").status == 200)
    }
  }
}
