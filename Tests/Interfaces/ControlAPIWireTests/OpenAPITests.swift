import Foundation
import HostPorts
import Testing

/// The description at `/openapi.json` says what there is, and nothing else.
@Suite struct OpenAPITests {
  /// Every route that there should be.
  static let routes = [
    "DELETE /v1/dead-letters/{id}", "DELETE /v1/deployments/{name}",
    "DELETE /v1/trust/keys/{id}", "GET /healthz", "GET /metrics", "GET /openapi.json",
    "GET /v1/audit", "GET /v1/dead-letters", "GET /v1/dead-letters/{id}", "GET /v1/deployments",
    "GET /v1/doctor", "GET /v1/events/{offset}", "GET /v1/logs/{module}", "GET /v1/modules",
    "GET /v1/modules/{name}", "GET /v1/nodes", "GET /v1/placements", "GET /v1/trust/keys",
    "POST /v1/dead-letters/{id}/replay", "POST /v1/deployments", "POST /v1/events",
    "POST /v1/invoke/{module}", "POST /v1/trust/keys",
    "PUT /v1/modules/{name}/versions/{version}",
  ]

  @Test func `every route is described and every described route is there`() async throws {
    try await TestServer.run { server in
      let paths = try await server.send("GET", "/openapi.json").json()["paths"]
      let described = paths.names.flatMap { path in
        paths[path].names.map { "\($0.uppercased()) \(path)" }
      }
      #expect(described.sorted() == Self.routes)
      for path in paths.names {
        let methods = Set(paths[path].names.map { $0.uppercased() })
        let concrete = path.split(separator: "/", omittingEmptySubsequences: false)
          .map { $0.hasPrefix("{") ? "1" : String($0) }.joined(separator: "/")
        let other = try await server.send("PATCH", concrete)
        let allowed = Set(
          (other.headers["allow"] ?? "").split(separator: ",").map { $0.filter { $0 != " " } })
        #expect(allowed.subtracting(["HEAD"]) == methods, "\(path)")
        for method in methods where method != "GET" {
          let answer = try await server.send(method, concrete)
          #expect(![404, 405].contains(answer.status) || answer.text.contains("_unknown"))
          #expect(!answer.text.contains("route_unknown"), "\(method) \(path)")
        }
      }
    }
  }

  @Test func `every schema that is referred to is there, and every one is used`() async throws {
    try await TestServer.run { server in
      let answer = try await server.send("GET", "/openapi.json")
      let schemas = try answer.json()["components"]["schemas"].names
      for name in schemas {
        #expect(answer.text.contains("#/components/schemas/\(name)\""), "\(name)")
      }
      let parts = answer.text.components(separatedBy: "#/components/schemas/").dropFirst()
      for part in parts {
        let name = String(part.prefix { $0 != "\"" })
        #expect(schemas.contains(name), "\(name)")
      }
    }
  }
}
