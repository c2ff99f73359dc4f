import ClusterModel
import ControlAPI
import HostPorts
import Logging
import Telemetry
import Testing

/// What every route shares: who may ask, what is refused, what is counted.
@Suite struct ServerTests {
  @Test func `an address beyond loopback is refused`() throws {
    for host in ["0.0.0.0", "::", "192.168.1.1", "example.com", "127.0.0.1.example.com", ""] {
      let problem = #expect(throws: Problem.self) {
        try ControlAPIServer(
          service: ClusterDouble(), host: host, port: 0, registry: PrometheusRegistry(),
          logger: Logger(label: "test"))
      }
      #expect(problem?.code == "listen_beyond_loopback")
    }
  }

  @Test func `a server that ended before it ran has no port and runs to its end at once`()
    async throws
  {
    let server = try ControlAPIServer(
      service: ClusterDouble(), host: "127.0.0.1", port: 0, registry: PrometheusRegistry(),
      logger: Logger(label: "test"))
    await server.shutdown()
    #expect(await server.boundPort() == nil)
    try await server.run()
  }

  @Test func `a port that is taken is a problem that says so`() async throws {
    try await TestServer.run { first in
      let second = try ControlAPIServer(
        service: ClusterDouble(), host: "127.0.0.1", port: first.port,
        registry: PrometheusRegistry(), logger: Logger(label: "test"))
      let problem = await #expect(throws: Problem.self) { try await second.run() }
      #expect(problem?.code == "listen_failed")
      #expect(await second.boundPort() == nil)
    }
  }

  @Test func `health follows the readiness of the cluster`() async throws {
    try await TestServer.run { server in
      let ready = try await server.send("GET", "/healthz")
      #expect(ready.status == 200)
      #expect(try ready.json()["status"].text == "ready")
      server.cluster.set { $0.isReady = false }
      #expect(try await server.send("GET", "/healthz").status == 503)
    }
  }

  @Test func `an unknown route is not found and a wrong method names the right ones`()
    async throws
  {
    try await TestServer.run { server in
      let unknown = try await server.send("GET", "/v1/nothing")
      #expect(unknown.status == 404)
      #expect(try unknown.problemCode() == "route_unknown")
      let wrong = try await server.send("DELETE", "/v1/events")
      #expect(wrong.status == 405)
      #expect(wrong.headers["allow"] == "POST")
      let head = try await server.send("HEAD", "/v1/nodes")
      #expect(head.status == 200)
      #expect(head.body.isEmpty)
    }
  }

  @Test func `pages of other origins and names that point here are refused`() async throws {
    try await TestServer.run { server in
      for origin in ["https://example.com", "null", "http://127.0.0.1.example.com"] {
        let answer = try await server.send("GET", "/v1/nodes", [("Origin", origin)])
        #expect(answer.status == 403)
        #expect(try answer.problemCode() == "origin_refused")
      }
      let host = try await server.send("GET", "/v1/nodes", [("Host", "example.com")])
      #expect(host.status == 403)
      #expect(try host.problemCode() == "host_refused")
      for origin in ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:80"] {
        #expect(try await server.send("GET", "/v1/nodes", [("Origin", origin)]).status == 200)
      }
      #expect(try await server.send("GET", "/v1/nodes", [("Host", "localhost")]).status == 200)
    }
  }

  @Test func `only the default namespace is known, and the caller is told to the cluster`()
    async throws
  {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    try await TestServer.run { server in
      let unknown = try await server.send("GET", "/v1/nodes?namespace=other")
      #expect(unknown.status == 404)
      #expect(try unknown.problemCode() == "namespace_unknown")
      let known = try await server.send(
        "GET", "/v1/nodes?namespace=default", [("traceparent", trace)])
      #expect(known.status == 200)
      let broken = try await server.send("GET", "/v1/nodes", [("traceparent", "00-zz-1-01")])
      #expect(broken.status == 200)
      let callers = server.cluster.now.callers
      #expect(callers.map(\.traceParent) == [trace, nil])
      #expect(callers.allSatisfy { $0.principal == .local && $0.namespace == .default })
    }
  }

  @Test func `what the cluster throws is a problem with its status`() async throws {
    try await TestServer.run { server in
      for category in Problem.Category.allCases {
        server.cluster.set {
          $0.refusal = Problem(category, code: "told", "it is so", cause: "why", next: "Do this.")
        }
        let answer = try await server.send("GET", "/v1/nodes")
        #expect(answer.status == category.httpStatus)
        #expect(try answer.problemCode() == "told")
        let problem = try answer.json()
        #expect(problem["type"].text?.hasSuffix("told") == true)
        #expect(problem["title"].text?.isEmpty == false)
        #expect(problem["detail"].text == "it is so")
        #expect(problem["cause"].text == "why")
        #expect(problem["next"].text == "Do this.")
        #expect((answer.headers["retry-after"] != nil) == (category == .overloaded))
      }
    }
  }

  @Test func `requests are counted by route and status`() async throws {
    try await TestServer.run { server in
      for _ in 0..<3 { _ = try await server.send("GET", "/v1/modules/upper") }
      _ = try await server.send("GET", "/%00")
      let metrics = try await server.send("GET", "/metrics")
      #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      let line =
        #"wasmatrix_http_requests_total{method="GET",route="/v1/modules/{name}",status="404"} 3"#
      #expect(metrics.lines.contains(line))
      #expect(metrics.lines.contains { $0.hasPrefix("process_resident_memory_bytes ") })
    }
  }
}
