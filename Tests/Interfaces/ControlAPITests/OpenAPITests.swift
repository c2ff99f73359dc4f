import ClusterModel
import ControlAPIModel
import Foundation
import HTTPTypes
import HostPorts
import NIOHTTP1
import Telemetry
import Testing

@testable import ControlAPI
@testable import ControlAPIClient

struct OpenAPITests {
  private static let routes = APIRoutes.table(
    service: SampleCluster(), supervision: SampleTree(), backups: SampleBackups(),
    access: SampleAccess(),
    guardian: AccessGuard(service: SampleAccess(), trustsEverybody: true),
    registry: PrometheusRegistry()
  ).routes

  private func document(of server: RunningServer) async throws -> SchemaChecker {
    SchemaChecker(
      document: try await server.send(.GET, ["openapi.json"]).decoded(AnyJSON.self))
  }

  @Test func `every route is described, and nothing else`() async throws {
    try await RunningServer.run { server in
      let checker = try await document(of: server)
      var described: Set<String> = []
      for (path, operations) in checker.document["paths"].members {
        for method in operations.members.keys { described.insert(method.uppercased() + " " + path) }
      }
      let real = Self.routes.map { "\($0.method.rawValue) \($0.path)" }
      #expect(Set(real).count == real.count)
      #expect(described == Set(real))
      #expect(Set(Self.routes.map(\.operation.id)).count == real.count)
    }
  }

  @Test func `every described route answers`() async throws {
    try await RunningServer.run { server in
      for (path, operations) in try await document(of: server).document["paths"].members {
        for method in operations.members.keys {
          let segments = path.split(separator: "/").map { part in
            part.hasPrefix("{") ? "1" : String(part)
          }
          let answer = try await server.send(.init(rawValue: method.uppercased()), segments)
          #expect(answer.problem?.code != "route_unknown", "\(method) \(path)")
          #expect(answer.status != 405, "\(method) \(path)")
        }
      }
    }
  }

  @Test func `every schema that is referred to is there, and used`() async throws {
    try await RunningServer.run { server in
      let checker = try await document(of: server)
      let referred = Set(checker.document.references())
      let there = checker.document["components"]["schemas"].members.keys
      #expect(referred == Set(there.map { "#/components/schemas/" + $0 }))
    }
  }

  @Test func `real answers are as they are described`() async throws {
    try await RunningServer.run { server in
      server.cluster.change { script in
        script.deployments = [Samples.deployment]
        script.deadLetters = [Samples.deadLetter(1)]
        script.report = ActivationReport(result: .failure(Samples.failure), log: [1])
      }
      let checker = try await document(of: server)
      for (path, schema) in [
        ("/healthz", "Health"), ("/v1/supervision", "Supervision"),
        ("/v1/modules/clean/versions/1.0.0", "WasmModule"), ("/v1/events/1", "EventStatus"),
        ("/v1/dead-letters/1", "DeadLetter"),
      ] {
        let answer = try await server.send(.GET, path.split(separator: "/").map(String.init))
        #expect(try checker.complaints(answer.decoded(AnyJSON.self), schema) == [], "\(path)")
      }
      for (path, schema) in [
        ("/v1/modules", "ModuleVersion"), ("/v1/modules/clean", "ModuleVersion"),
        ("/v1/deployments", "Deployment"), ("/v1/dead-letters", "DeadLetter"),
        ("/v1/audit", "SecurityEvent"), ("/v1/trust/keys", "TrustedKey"), ("/v1/nodes", "Node"),
        ("/v1/placements", "Placement"), ("/v1/distribution", "Distribution"),
        ("/v1/doctor", "Finding"), ("/v1/state", "Bucket"),
        ("/v1/state/stock", "StateEntry"),
      ] {
        let answer = try await server.send(.GET, path.split(separator: "/").map(String.init))
        let items = try answer.decoded(AnyJSON.self)["items"].elements
        #expect(!items.isEmpty, "\(path)")
        for item in items { #expect(try checker.complaints(item, schema) == [], "\(path)") }
      }
      let failed = try await server.send(.POST, ["v1", "invoke", "clean"])
      #expect(try checker.complaints(failed.decoded(AnyJSON.self), "Problem") == [])
      let accepted = try await server.send(.POST, ["v1", "events"], query: [("topic", "a")])
      #expect(try checker.complaints(accepted.decoded(AnyJSON.self), "AcceptedEvent") == [])
      let removed = try await server.send(.DELETE, ["v1", "deployments", "clean"])
      #expect(try checker.complaints(removed.decoded(AnyJSON.self), "Removed") == [])
    }
  }

  @Test func `the checker sees what is wrong`() async throws {
    try await RunningServer.run { server in
      let checker = try await document(of: server)
      let wrong = try APIJSON.decode(AnyJSON.self, from: Array("{\"status\":\"no\",\"x\":1}".utf8))
      #expect(try checker.complaints(wrong, "Health").count == 2)
      #expect(try checker.complaints(wrong, "Finding").count == 5)
    }
  }
}
