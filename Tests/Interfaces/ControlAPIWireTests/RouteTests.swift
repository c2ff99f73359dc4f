import ClusterModel
import ControlAPIModel
import HostPorts
import Testing

/// What each route does with the cluster, and what it answers.
@Suite struct RouteTests {
  @Test func `a pushed module arrives whole, with its detached signature`() async throws {
    let module = [UInt8]((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    try await TestServer.run { server in
      let path = "/v1/modules/upper/versions/1.0.0"
      let signature = ("Wasmatrix-Signature", Base64.encode([1, 2, 3]))
      let first = try await server.send("PUT", path, [signature], body: module)
      #expect(first.status == 201)
      #expect(try first.json()["digest"].text == Samples.digest.text)
      #expect(try first.json()["size"].int == module.count)
      #expect(try await server.send("PUT", path, body: module).status == 200)
      let reference = VersionReference(module: Samples.upper, version: Samples.version)
      #expect(server.cluster.now.pushed[reference] == module)
      #expect(server.cluster.now.signatures[reference] == [1, 2, 3])
      let bad = try await server.send("PUT", path, [("Wasmatrix-Signature", "?")], body: module)
      #expect(bad.status == 400)
      #expect(try await server.send("GET", "/v1/modules").json()["items"].count == 1)
      let one = try await server.send("GET", "/v1/modules/upper").json()["items"][0]
      #expect(one["version"].text == "1.0.0")
      #expect(one["pushedAt"].text == "2026-09-21T14:13:20.123456Z")
      #expect(try await server.send("GET", "/v1/modules/none").status == 404)
    }
  }

  @Test func `names that break their rule are refused before the cluster hears of them`()
    async throws
  {
    try await TestServer.run { server in
      for path in [
        "/v1/modules/Upper/versions/1", "/v1/modules/a/versions/%2e%2e", "/v1/modules/-/versions/1",
      ] {
        let answer = try await server.send("PUT", path, body: [0])
        #expect(answer.status == 400)
        #expect(try answer.problemCode() == "name_invalid")
      }
      #expect(server.cluster.now.callers.isEmpty)
    }
  }

  @Test func `a deployment answers with its steps and then what is deployed`() async throws {
    let request = DeployRequest(
      manifest: Samples.manifest, versions: [Samples.upper: Samples.version])
    try await TestServer.run { server in
      let answer = try await server.send(
        "POST", "/v1/deployments", body: try APIJSON.encode(request))
      #expect(answer.status == 200)
      #expect(answer.headers["content-type"] == "application/x-ndjson")
      let lines = try answer.lines.map { try APIJSON.decode(DeployLine.self, from: Array($0.utf8)) }
      try #require(lines.count == 3)
      #expect(
        lines[0]
          == .progress(DeployProgress(step: .accepted, module: nil, message: "accepted")))
      #expect(
        lines[1]
          == .progress(DeployProgress(step: .ready, module: Samples.upper, message: "ready")))
      let status = Samples.deployment(
        Samples.upper, of: ApplicationName(unchecked: "shop"), Samples.version)
      #expect(lines[2] == .done([DeploymentResource(status)]))
      let listed = try await server.send("GET", "/v1/deployments").json()["items"][0]
      #expect(listed["application"].text == "shop")
      #expect(listed["state"].text == "ready")
    }
  }

  @Test func `a deployment that fails ends with the problem`() async throws {
    let request = DeployRequest(manifest: Samples.manifest, versions: [:])
    let cluster = ClusterDouble()
    cluster.set { $0.refusal = Problem(.notFound, code: "version_unknown", "no such version") }
    try await TestServer.run(cluster) { server in
      let answer = try await server.send(
        "POST", "/v1/deployments", body: try APIJSON.encode(request))
      #expect(answer.status == 200)
      let last = try #require(answer.lines.last)
      guard case .problem(let problem) = try APIJSON.decode(DeployLine.self, from: Array(last.utf8))
      else {
        Issue.record("the last line is \(last)")
        return
      }
      #expect(problem.code == "version_unknown")
    }
  }

  @Test func `an invalid manifest is refused with line and file before anything is streamed`()
    async throws
  {
    try await TestServer.run { server in
      let request = DeployRequest(manifest: "apiVersion: nothing\n", versions: [:])
      let answer = try await server.send(
        "POST", "/v1/deployments", body: try APIJSON.encode(request))
      #expect(answer.status == 400)
      #expect(try answer.problemCode() == "manifest_invalid")
      #expect(answer.text.contains("wasmatrix.yaml:1"))
      #expect(server.cluster.now.callers.isEmpty)
    }
  }

  @Test func `a name that is both is an application unless a module is asked for`() async throws {
    let cluster = ClusterDouble()
    cluster.set { state in
      state.deployments = [
        Samples.deployment(Samples.upper, of: ApplicationName(unchecked: "upper")),
        Samples.deployment(
          ModuleName(unchecked: "lower"), of: ApplicationName(unchecked: "upper"),
          state: .failed(Samples.unknown("module_unknown"))),
      ]
    }
    try await TestServer.run(cluster) { server in
      let removed = try await server.send("DELETE", "/v1/deployments/upper").json()["removed"]
      #expect([removed[0].text, removed[1].text] == ["lower", "upper"])
      _ = try await server.send("DELETE", "/v1/deployments/upper?kind=module")
      _ = try await server.send("DELETE", "/v1/deployments/lower")
      #expect(
        cluster.now.undeployed == [
          .application(ApplicationName(unchecked: "upper")), .module(Samples.upper),
          .module(ModuleName(unchecked: "lower")),
        ])
      #expect(try await server.send("DELETE", "/v1/deployments/upper?kind=x").status == 400)
      let failed = try await server.send("GET", "/v1/deployments").json()["items"][1]
      #expect(failed["state"].text == "failed")
      #expect(failed["problem"]["code"].text == "module_unknown")
    }
  }

  @Test func `a log comes line by line and ends when nobody follows it`() async throws {
    try await TestServer.run { server in
      let answer = try await server.send("GET", "/v1/logs/upper")
      let lines = try answer.lines.map { try APIJSON.decode(LogLine.self, from: Array($0.utf8)) }
      #expect(lines == Samples.logLines(of: Samples.upper))
    }
  }

  @Test func `a followed log sends its lines at once and stops with the server`() async throws {
    try await TestServer.run { server in
      let bytes = try await TestConnection.exchange(
        server.request("GET", "/v1/logs/upper?follow=true"), port: server.port
      ) { String(decoding: $0, as: UTF8.self).contains(#""text":"two""#) }
      #expect(String(decoding: bytes, as: UTF8.self).contains(#""text":"one""#))
    }
  }

  @Test func `keys are added, listed and revoked`() async throws {
    try await TestServer.run { server in
      let body = try APIJSON.encode(TrustKeyRequest(publicKey: Samples.publicKey, label: "ci"))
      let added = try await server.send("POST", "/v1/trust/keys", body: body)
      #expect(added.status == 201)
      #expect(server.cluster.now.keys.map(\.publicKey) == [Samples.publicKey])
      let listed = try await server.send("GET", "/v1/trust/keys").json()["items"][0]
      #expect(listed["label"].text == "ci")
      #expect(listed["revokedAt"].value == nil)
      let revoked = try await server.send("DELETE", "/v1/trust/keys/\(Samples.keyID)")
      #expect(try revoked.json()["revokedAt"].text != nil)
      let short = try APIJSON.encode(TrustKeyRequest(publicKey: [1, 2], label: "ci"))
      let refused = try await server.send("POST", "/v1/trust/keys", body: short)
      #expect(try refused.problemCode() == "key_invalid")
    }
  }

  @Test func `security events come in pages`() async throws {
    try await TestServer.run { server in
      let page = try await server.send("GET", "/v1/audit?from=1&limit=1").json()["items"]
      #expect(page.count == 1)
      #expect(page[0]["sequence"].int == 1)
      #expect(page[0]["kind"].text == "moduleAccepted")
      for query in ["from=-1", "limit=0", "limit=1001", "limit=x", "what=1", "from=1&from=2"] {
        let answer = try await server.send("GET", "/v1/audit?\(query)")
        #expect(answer.status == 400, "\(query)")
        #expect(try answer.problemCode() == "query_invalid")
      }
    }
  }

  @Test func `dead letters are listed without data, shown with it, replayed and dropped`()
    async throws
  {
    let cluster = ClusterDouble()
    cluster.set { state in
      state.letters = (0..<20).map { number in
        var letter = Samples.letter
        letter.id = DeliveryID(Int64(number))
        return letter
      }
    }
    try await TestServer.run(cluster) { server in
      let all = try await server.send("GET", "/v1/dead-letters").json()["items"]
      #expect(all.count == 20)
      #expect(all[0]["event"]["data"].value == nil)
      let page = try await server.send("GET", "/v1/dead-letters?from=3&limit=10").json()["items"]
      #expect(page.count == 10)
      #expect([page[0]["id"].int, page[9]["id"].int] == [3, 12])
      let one = try await server.send("GET", "/v1/dead-letters/4").json()
      #expect(one["event"]["data"]["base64"].text == "AQI=")
      #expect(one["history"][0]["failure"]["trap"].text == "unreachable")
      #expect(try await server.send("POST", "/v1/dead-letters/4/replay").status == 204)
      #expect(cluster.now.replayed == [DeliveryID(4)])
      #expect(try await server.send("DELETE", "/v1/dead-letters/4").status == 204)
      #expect(try await server.send("GET", "/v1/dead-letters/4").status == 404)
      #expect(try await server.send("GET", "/v1/dead-letters/x").status == 400)
    }
  }

  @Test func `nodes, placements and findings are told`() async throws {
    try await TestServer.run { server in
      let node = try await server.send("GET", "/v1/nodes").json()["items"][0]
      #expect(node["id"].text == "local")
      #expect(node["engine"]["architecture"].text == "x86_64")
      let placement = try await server.send("GET", "/v1/placements").json()["items"][0]
      #expect(placement["activations"].int == 3)
      let finding = try await server.send("GET", "/v1/doctor").json()["items"][0]
      #expect(finding["verdict"].text == "ok")
    }
  }
}
