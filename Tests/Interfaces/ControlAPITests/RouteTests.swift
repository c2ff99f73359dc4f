import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import Telemetry
import Testing

@testable import ControlAPIClient

struct RouteTests {
  @Test func `a module is pushed with its detached signature`() async throws {
    try await RunningServer.run { server in
      let reference = Samples.version.reference
      let new = try await server.client.push([1, 2, 3], as: reference, detachedSignature: [9, 8])
      #expect(new.existed == false && new.size == ByteCount(bytes: 3))
      server.cluster.change { $0.existed = true }
      let answer = try await server.send(
        .PUT, ["v1", "modules", "clean", "versions", "1.0.0"], body: [1])
      #expect(answer.status == 200)
      #expect(server.cluster.read { $0.signatures } == [[9, 8], nil])
      let bad = try await server.send(
        .PUT, ["v1", "modules", "clean", "versions", "1.0.0"],
        headers: [APIHeader.signature: "???"], body: [1])
      #expect(bad.status == 400 && bad.problem?.code == "signature_not_base64")
    }
  }

  @Test func `modules are listed, and an unknown one is not found`() async throws {
    try await RunningServer.run { server in
      let all = try await server.client.modules()
      #expect(all.count == 1)
      let own = try await server.client.modules(named: Samples.version.name)
      #expect(own.count == 1)
      await #expect(throws: Problem.self) {
        try await server.client.modules(named: ModuleName("other"))
      }
    }
  }

  @Test func `keys are trusted, listed and revoked`() async throws {
    try await RunningServer.run { server in
      let key = try await server.client.trustKey(Samples.key.publicKey, label: "ci")
      #expect(key.publicKey == Base64.encode(Samples.key.publicKey) && key.label == "ci")
      let keys = try await server.client.trustedKeys()
      #expect(keys.map(\.id) == [Samples.keyID])
      let revoked = try await server.client.revokeKey(Samples.keyID)
      #expect(revoked.revokedAt == Samples.instant)
      for body in ["{\"publicKey\":\"AAAA\",\"label\":\"x\"}", "{\"label\":\"x\"}", "[]"] {
        let answer = try await server.send(
          .POST, ["v1", "trust", "keys"], body: Array(body.utf8))
        #expect(answer.status == 400, "\(body)")
      }
    }
  }

  @Test func `security events are listed from a place on`() async throws {
    try await RunningServer.run { server in
      let events = try await server.client.securityEvents(from: 5, limit: 2)
      #expect(events.map(\.sequence) == [5, 6])
      for query in [("limit", "0"), ("limit", "1001"), ("from", "-1"), ("form", "1")] {
        let answer = try await server.send(.GET, ["v1", "audit"], query: [query])
        #expect(answer.status == 400 && answer.problem?.code == "query_invalid", "\(query)")
      }
    }
  }

  @Test func `dead letters are listed without data, all of them`() async throws {
    try await RunningServer.run { server in
      server.cluster.change { $0.deadLetters = (1...30).map { Samples.deadLetter($0 * 3) } }
      let some = try await server.client.deadLetters(from: DeliveryID(6), limit: 20)
      #expect(some.map(\.id.number) == (2...21).map { Int64($0 * 3) })
      #expect(some.allSatisfy { $0.event?.data == nil && $0.event?.dataSize.bytes == 2 })
      let letters = try await server.client.deadLetters()
      #expect(letters.count == 30)
      let one = try await server.client.deadLetter(DeliveryID(3))
      #expect(one.event?.data?.text == "{}" && one.history[0].failure.failure == Samples.failure)
      try await server.client.replayDeadLetter(DeliveryID(3))
      try await server.client.dropDeadLetter(DeliveryID(3))
    }
  }

  @Test func `the state of the cluster is shown`() async throws {
    try await RunningServer.run { server in
      let nodes = try await server.client.nodes()
      #expect(nodes[0].engine == Samples.node.engine)
      #expect(nodes[0].version == "0.1.0")
      #expect(nodes[0].reason == "relieved" && nodes[0].breaker == .halfOpen)
      let placements = try await server.client.placements()
      #expect(placements.items[0].activations == 10)
      #expect(placements.unanswered == [Samples.silentNode])
      let answer = try await server.client.distribution()
      #expect(answer.unanswered == [Samples.silentNode])
      let distribution = answer.items
      #expect(
        distribution.map(\.stage) == [
          .waiting, .fetching, .fetching, .compiling, .ready, .failed,
        ])
      #expect(distribution[2].receivedBytes == 1024 && distribution[2].sizeBytes == 3072)
      #expect(distribution[5].problem?.code == "signature_missing")
      let none = try await server.client.distribution(of: ModuleName(unchecked: "other"))
      #expect(none.items.isEmpty)
      let findings = try await server.client.doctor()
      #expect(findings[0].verdict == .ok)
      let health = try await server.client.health()
      #expect(health.status == "ready")
      server.cluster.change { $0.isReady = false }
      let unready = try await server.send(.GET, ["healthz"])
      #expect(unready.status == 503 && unready.problem?.code == "not_ready")
    }
  }

  @Test(arguments: Problem.Category.allCases)
  func `a problem comes through as it is`(_ category: Problem.Category) async throws {
    try await RunningServer.run { server in
      let problem = Problem(category, code: "some_code", "what", cause: "why", next: "do")
      server.cluster.change { $0.problem = problem }
      let answer = try await server.send(.GET, ["v1", "nodes"])
      #expect(answer.status == category.httpStatus)
      var heard = problem
      // A server that has too much to do always says when to come back.
      if category == .overloaded { heard.retryAfter = .seconds(1) }
      await #expect(throws: heard) { try await server.client.nodes() }
    }
  }

  @Test func `only the default namespace is known`() async throws {
    try await RunningServer.run { server in
      let ours = try await server.send(
        .GET, ["v1", "nodes"], query: [("namespace", "default")],
        headers: [APIHeader.namespace: "default"])
      #expect(ours.status == 200)
      let other = try await server.send(.GET, ["v1", "nodes"], query: [("namespace", "other")])
      #expect(other.status == 404 && other.problem?.code == "namespace_unknown")
      let header = try await server.send(
        .GET, ["v1", "nodes"], headers: [APIHeader.namespace: "other"])
      #expect(header.status == 404)
    }
  }

  @Test func `requests are counted by method, route and status`() async throws {
    try await RunningServer.run { server in
      _ = try await server.client.modules(named: Samples.version.name)
      _ = try await server.send(.GET, ["nowhere"])
      let metrics = try await server.send(.GET, ["metrics"])
      #expect(metrics.headers.first(name: "content-type") == PrometheusRegistry.contentType)
      #expect(
        metrics.text.contains(
          "wasmatrix_http_requests_total{method=\"GET\",route=\"/v1/modules/{name}\",status=\"200\"} 1"
        ))
      #expect(
        metrics.text.contains(
          "wasmatrix_http_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1"))
      #expect(
        metrics.text.contains(
          "wasmatrix_http_request_seconds_count{route=\"/v1/modules/{name}\"} 1"))
    }
  }

  @Test func `a server that is not there is unreachable, with what to do`() async throws {
    let client = try APIClient(server: "http://127.0.0.1:1/")
    do throws(Problem) {
      _ = try await client.nodes()
      Issue.record("something answered")
    } catch {
      #expect(error.category == .unavailable && error.code == "server_unreachable")
      #expect(error.next?.contains("wasmatrix dev") == true)
    }
    await client.shutdown()
    #expect(throws: Problem.self) { try APIClient(server: "ftp://x") }
  }
}
