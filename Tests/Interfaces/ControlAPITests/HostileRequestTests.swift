import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import Testing

@testable import ControlAPI
@testable import ControlAPIClient

struct HostileRequestTests {
  private static let host = "Host: 127.0.0.1\r\n"

  private func answer(_ request: String, of server: RunningServer, finish: Bool = false)
    async throws -> String
  {
    let connection = try RawConnection(port: server.port)
    await connection.write(request)
    if finish { connection.finishWriting() }
    return await connection.read()
  }

  @Test func `a body that was cut off is no body`() async throws {
    try await RunningServer.run { server in
      for request in [
        "POST /v1/events?topic=a HTTP/1.1\r\n\(Self.host)Content-Length: 10\r\n\r\nshort",
        "POST /v1/events?topic=a HTTP/1.1\r\n\(Self.host)Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "POST /v1/events?topic=a HTTP/1.1\r\n\(Self.host)Transfer-Encoding: chunked\r\n\r\n9\r\nshort",
      ] {
        let text = try await answer(request, of: server, finish: true)
        #expect(!text.hasPrefix("HTTP/1.1 2"), "\(request): \(text)")
      }
      #expect(server.cluster.read { $0.events.isEmpty })
    }
  }

  @Test func `a body that is too large is refused before it is sent`() async throws {
    try await RunningServer.run { server in
      for request in [
        "POST /v1/invoke/clean HTTP/1.1\r\n\(Self.host)Content-Length: 99999999999\r\n\r\nx",
        "PUT /v1/modules/a/versions/1 HTTP/1.1\r\n\(Self.host)Expect: 100-continue\r\n"
          + "Content-Length: 99999999999\r\n\r\n",
      ] {
        let text = try await answer(request, of: server)
        #expect(text.hasPrefix("HTTP/1.1 413"), "\(text)")
        #expect(text.contains("body_too_large"))
      }
    }
  }

  @Test func `chunks without end are refused at the limit`() async throws {
    try await RunningServer.run { server in
      let connection = try RawConnection(port: server.port)
      await connection.write(
        "POST /v1/trust/keys HTTP/1.1\r\n\(Self.host)Transfer-Encoding: chunked\r\n\r\n")
      let chunk = "100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n"
      for _ in 0..<6 { await connection.write(chunk) }
      let text = await connection.read()
      #expect(text.hasPrefix("HTTP/1.1 413"), "\(text.prefix(200))")
    }
  }

  @Test func `a client that waits for leave to send gets it`() async throws {
    try await RunningServer.run { server in
      let connection = try RawConnection(port: server.port)
      await connection.write(
        "POST /v1/events?topic=a HTTP/1.1\r\n\(Self.host)Expect: 100-continue\r\n"
          + "Content-Length: 2\r\nConnection: close\r\n\r\n")
      #expect(await connection.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
      await connection.write("hi")
      #expect(await connection.read().hasPrefix("HTTP/1.1 202"))
    }
  }

  @Test func `two requests in one go are answered in order`() async throws {
    try await RunningServer.run { server in
      let text = try await answer(
        "GET /nowhere HTTP/1.1\r\n\(Self.host)\r\n"
          + "GET /healthz HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n", of: server)
      let statuses = text.split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
      #expect(statuses == ["404", "200"])
    }
  }

  @Test func `a refused request with a body ends the connection, a read one does not`() async throws
  {
    try await RunningServer.run { server in
      let refused = try await answer(
        "POST /nowhere HTTP/1.1\r\n\(Self.host)Content-Length: 5\r\n\r\nhello"
          + "GET /healthz HTTP/1.1\r\n\(Self.host)\r\n", of: server)
      #expect(refused.lowercased().contains("connection: close"))
      #expect(!refused.contains("200 OK"))
      let read = try await answer(
        "POST /v1/trust/keys HTTP/1.1\r\n\(Self.host)Content-Length: 1\r\n\r\n{"
          + "GET /healthz HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n", of: server)
      #expect(read.hasPrefix("HTTP/1.1 400") && read.contains("200 OK"))
    }
  }

  @Test(arguments: [
    "GET /v1/modules/%00 HTTP/1.1", "GET /%ff%fe HTTP/1.1", "GET /%zz HTTP/1.1",
    "GET /v1/modules/%2e%2e%2f HTTP/1.1", "GET /v1/modules?%zz=1 HTTP/1.1",
    "GET /v1/modules?namespace=a&namespace=b HTTP/1.1", "OPTIONS * HTTP/1.1",
    "GET /v1/events/1?wait=%00 HTTP/1.1",
  ])
  func `a request line that is wrong is refused`(_ line: String) async throws {
    try await RunningServer.run { server in
      let text = try await answer("\(line)\r\n\(Self.host)Connection: close\r\n\r\n", of: server)
      #expect(text.hasPrefix("HTTP/1.1 400"), "\(text)")
      #expect(text.contains("problem+json"))
    }
  }

  @Test func `heads that are too large or broken are refused`() async throws {
    try await RunningServer.run { server in
      let many = (0..<5000).map { "X\($0): y\r\n" }.joined()
      for request in [
        "GET /healthz HTTP/1.1\r\n\(Self.host)X: \(String(repeating: "a", count: 200_000))\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\(Self.host)\(many)\r\n",
        "GET /\(String(repeating: "a", count: 300_000)) HTTP/1.1\r\n\(Self.host)\r\n",
        "GET / HTTP/9.9\r\n\r\n", "nonsense\r\n\r\n", "GET /healthz HTTP/1.1\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\n\(Self.host)Content-Length: -1\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\n\(Self.host)Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /v1/events?topic=a HTTP/1.1\r\n\(Self.host)Content-Length: 5\r\n"
          + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ] {
        let text = try await answer(request, of: server, finish: true)
        #expect(!text.hasPrefix("HTTP/1.1 2"), "\(request.prefix(100)): \(text.prefix(200))")
      }
      let health = try await server.client.health()
      #expect(health.status == "ready")
    }
  }

  @Test func `what is not there, and what is not for this method`() async throws {
    try await RunningServer.run { server in
      let nowhere = try await server.send(.GET, ["v1", "nothing"])
      #expect(nowhere.status == 404 && nowhere.problem?.code == "route_unknown")
      let wrong = try await server.send(.DELETE, ["v1", "trust", "keys"])
      #expect(wrong.status == 405 && wrong.problem?.code == "method_not_allowed")
      #expect(wrong.headers.first(name: "allow") == "GET, HEAD, POST")
      let head = try await server.send(.HEAD, ["v1", "nodes"])
      #expect(head.status == 200 && head.body.isEmpty)
    }
  }

  @Test func `a budget of bytes is never overdrawn and comes back`() {
    let budget = ByteBudget(10)
    #expect(budget.take(6))
    #expect(!budget.take(5))
    #expect(budget.take(4))
    budget.give(10)
    #expect(budget.take(10))
  }

  @Test func `what bodies took of the budget comes back`() async throws {
    try await RunningServer.run { server in
      let body = [UInt8](repeating: 0, count: 15 << 20)
      for _ in 0..<40 {
        let answer = try await server.send(
          .POST, ["v1", "invoke", "clean"], headers: ["ce-id": ""], body: body)
        #expect(answer.status == 400, "\(answer.text)")
      }
    }
  }
}
