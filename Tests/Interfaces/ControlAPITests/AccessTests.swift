import ClusterModel
import ControlAPIModel
import HTTPTypes
import HostPorts
import NIOHTTP1
import Synchronization
import Telemetry
import Testing

@testable import ControlAPI
@testable import ControlAPIClient

/// Who may what, on a loopback address, where tokens are honoured and not needed.
struct AccessTests {
  private func answer(
    _ server: RunningServer, _ method: HTTPMethod, _ path: String, as token: String?,
    body: [UInt8]? = nil
  ) async throws -> Answer {
    try await server.send(
      method, path.split(separator: "/").map(String.init),
      headers: token.map { ["Authorization": "Bearer \($0)"] } ?? [:], body: body)
  }

  private func know(_ server: RunningServer) {
    server.access.state.withLock { state in
      for role in Role.allCases {
        state.holders[role.rawValue] = TokenHolder(
          name: TokenName(unchecked: "the-\(role.rawValue)"), role: role)
      }
    }
  }

  @Test func `every operation has its place in the table of roles, and nothing else has`()
    async throws
  {
    try await RunningServer.run { server in
      let document = try await server.send(.GET, ["openapi.json"]).decoded(AnyJSON.self)
      var described: [String: String?] = [:]
      for operations in document["paths"].members.values {
        for operation in operations.members.values {
          guard case .string(let id) = operation["operationId"] else {
            Issue.record("an operation without id")
            continue
          }
          var role: String?
          if case .string(let text) = operation["x-least-role"] { role = text }
          described[id] = role
        }
      }
      #expect(Set(described.keys) == Set(RouteRoles.table.keys))
      for (id, access) in RouteRoles.table {
        if case .role(let role) = access {
          #expect(described[id] == role.rawValue, "\(id)")
        } else {
          #expect(described[id] == .some(nil), "\(id)")
        }
      }
    }
  }

  @Test func `what changes something is for no viewer, and what looks is for all`() throws {
    let table = APIRoutes.table(
      service: SampleCluster(), supervision: SampleTree(), backups: SampleBackups(),
      access: SampleAccess(),
      guardian: AccessGuard(service: SampleAccess(), trustsEverybody: true),
      registry: .init())
    // They change nothing, and look at secrets.
    let secret: Set<String> = ["listSecurityEvents", "listTokens", "readBackup"]
    for route in table.routes {
      guard case .role(let role) = RouteRoles.access(to: route.operation) else { continue }
      let id = route.operation.id
      if route.method == .get, !secret.contains(id) { #expect(role == .viewer, "\(id)") }
      if route.method != .get, id != "plan", id != "planScale" {
        #expect(role > .viewer, "\(id)")
      }
    }
  }

  @Test func `each role is let in where it may, and told what it needs elsewhere`() async throws {
    try await RunningServer.run { server in
      know(server)
      let routes: [(HTTPMethod, String, Role)] = [
        (.GET, "/v1/nodes", .viewer), (.POST, "/v1/invoke/clean", .invoker),
        (.DELETE, "/v1/deployments/clean", .deployer), (.GET, "/v1/audit", .admin),
        (.GET, "/v1/tokens", .admin),
      ]
      for (method, path, needed) in routes {
        for role in Role.allCases {
          let answer = try await answer(server, method, path, as: role.rawValue)
          if role >= needed {
            #expect(answer.status != 403 && answer.status != 401, "\(path) as \(role)")
          } else {
            #expect(answer.status == 403, "\(path) as \(role)")
            #expect(answer.problem?.code == "role_insufficient")
            #expect(answer.problem?.next?.contains("--role \(needed.rawValue)") == true)
          }
        }
      }
      let refusals = server.access.state.withLock { $0.refusals }
      #expect(refusals.count == 9)
      #expect(
        refusals.contains(
          .init(
            code: "role_insufficient", principal: Principal(kind: .person, name: "the-deployer"),
            subject: "GET /v1/audit")))
    }
  }

  @Test func `who asked is who holds the token`() async throws {
    try await RunningServer.run { server in
      know(server)
      _ = try await answer(server, .GET, "/v1/nodes", as: "admin")
      _ = try await answer(server, .GET, "/v1/nodes", as: nil)
      let callers = server.cluster.read { $0.callers.map(\.principal) }
      #expect(callers == [Principal(kind: .person, name: "the-admin"), .local])
    }
  }

  @Test func `a wrong token is refused also where none is needed`() async throws {
    try await RunningServer.run { server in
      for header in ["Bearer nobody", "Basic dXNlcjpwYXNz", "Bearer", ""] {
        let answer = try await server.send(
          .GET, ["v1", "nodes"], headers: ["Authorization": header])
        #expect(answer.status == 401, "\(header)")
        #expect(answer.headers.first(name: "WWW-Authenticate")?.hasPrefix("Bearer") == true)
        #expect(answer.problem?.next != nil)
      }
      #expect(server.cluster.read { $0.callers.isEmpty })
      let refusals = server.access.state.withLock { $0.refusals }
      #expect(refusals.count == 4 && refusals[0].principal.name == "unknown")
    }
  }

  @Test func `whoever is refused again and again is told to slow down`() async throws {
    try await RunningServer.run { server in
      server.access.state.withLock {
        $0.answer = Problem(.overloaded, code: "refusals_too_many", "too many")
      }
      let answer = try await answer(server, .GET, "/v1/nodes", as: "nobody")
      #expect(answer.status == 429 && answer.headers.first(name: "Retry-After") != nil)
    }
  }

  @Test func `what is open is open, whatever token is shown`() async throws {
    try await RunningServer.run { server in
      for path in ["/healthz", "/openapi.json", "/v1/authority"] {
        #expect(try await answer(server, .GET, path, as: "nobody").status == 200, "\(path)")
      }
      let authority = try await answer(server, .GET, "/v1/authority", as: nil)
      #expect(authority.text.hasPrefix("-----BEGIN CERTIFICATE-----\nAQID\n-----END"))
      #expect(authority.headers.first(name: "Content-Type") == PEM.type)
    }
  }

  @Test func `what a node is refused for is on record`() async throws {
    try await RunningServer.run { server in
      server.access.state.withLock {
        $0.nodeProblem = Problem(.refused, code: "token_used", "used", next: "Get a new one.")
      }
      let body = try APIJSON.encode(
        JoinNodeRequest(token: "t", node: NodeID(unchecked: "edge-1"), request: "r"))
      let answer = try await answer(server, .POST, "/v1/join", as: nil, body: body)
      #expect(answer.status == 403 && answer.problem?.code == "token_used")
      let renewal = try APIJSON.encode(
        RenewCertificateRequest(certificate: "c", request: "r", signature: [1]))
      #expect(
        try await self.answer(server, .POST, "/v1/renew", as: nil, body: renewal).status == 403)
      let refusals = server.access.state.withLock { $0.refusals }
      #expect(
        refusals.map(\.principal) == [
          Principal(kind: .node, name: "edge-1"), Principal(kind: .node, name: "unknown"),
        ])
      // What is wrong in form is nobody's fault but the sender's.
      server.access.state.withLock {
        $0.nodeProblem = Problem(.invalidInput, code: "certificate_request_invalid", "no")
      }
      #expect(try await self.answer(server, .POST, "/v1/join", as: nil, body: body).status == 400)
      #expect(server.access.state.withLock { $0.refusals.count } == 2)
    }
  }

  @Test func `a node's request is bounded`() async throws {
    try await RunningServer.run { server in
      let body = [UInt8](repeating: 0x20, count: APILimits.nodeRequest.bytes + 1)
      for path in ["/v1/join", "/v1/renew", "/v1/tokens"] {
        let answer = try await answer(server, .POST, path, as: nil, body: body)
        #expect(answer.status == 413)
      }
    }
  }

  @Test(arguments: [
    #"{"kind":"user","name":"ci"}"#, #"{"kind":"user","role":"admin"}"#,
    #"{"kind":"join","role":"admin"}"#, #"{"kind":"user","name":"ci","role":"admin","node":"n"}"#,
    #"{"kind":"user","name":"ci","role":"admin","seconds":0}"#,
    #"{"kind":"user","name":"ci","role":"admin","seconds":9223372036854775807}"#,
    #"{"kind":"user","name":"No Name","role":"admin"}"#,
    #"{"kind":"user","name":"ci","role":"king"}"#,
  ])
  func `a wish for a token that makes no sense is refused`(_ body: String) async throws {
    try await RunningServer.run { server in
      let answer = try await answer(server, .POST, "/v1/tokens", as: nil, body: Array(body.utf8))
      #expect(answer.status == 400, "\(answer.text)")
      #expect(server.access.state.withLock { $0.callers.isEmpty })
    }
  }

  @Test func `tokens are listed as they are described`() async throws {
    try await RunningServer.run { server in
      let hash = KeptHash(sha256: [UInt8](repeating: 1, count: 32))
      server.access.state.withLock { state in
        state.known.users = [
          UserToken(
            name: TokenName(unchecked: "ci"), hash: hash, role: .viewer,
            createdAt: Samples.instant, createdBy: .local, expiresAt: Samples.instant)
        ]
        state.known.joins = [
          JoinToken(
            name: TokenName(unchecked: "join-1"), hash: hash, node: nil,
            createdAt: Samples.instant, createdBy: .local,
            expiresAt: Samples.instant + .seconds(1))
        ]
      }
      let checker = SchemaChecker(
        document: try await server.send(.GET, ["openapi.json"]).decoded(AnyJSON.self))
      let answer = try await answer(server, .GET, "/v1/tokens", as: nil)
      let items = try answer.decoded(AnyJSON.self)["items"].elements
      #expect(items.count == 2)
      for item in items { #expect(try checker.complaints(item, "Token") == []) }
      #expect(!answer.text.contains(hash.text))
      let states = try await server.client.tokens().map(\.state)
      #expect(states == [.expired, .good])
      let made = try await server.client.createToken(
        CreateTokenRequest(kind: .join, node: NodeID(unchecked: "edge-1")))
      #expect(made.token.hasPrefix("wmj1."))
    }
  }
}
