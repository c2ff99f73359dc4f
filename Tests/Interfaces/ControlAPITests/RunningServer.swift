import ClusterModel
import ControlAPI
import ControlAPIModel
import Logging
import NIOHTTP1
import Telemetry

@testable import ControlAPIClient

/// A server on a free port, for the time of a test.
struct RunningServer: Sendable {
  let cluster: SampleCluster
  let tree: SampleTree
  let backups: SampleBackups
  let access: SampleAccess
  let registry: PrometheusRegistry
  let port: Int
  let client: APIClient

  /// Runs `body` against a server, and ends it.
  static func run(_ body: @Sendable (RunningServer) async throws -> Void) async throws {
    let cluster = SampleCluster()
    let tree = SampleTree()
    let backups = SampleBackups()
    let access = SampleAccess()
    let registry = PrometheusRegistry()
    let server = try ControlAPIServer(
      service: cluster, supervision: tree, backups: backups,
      access: APIAccess(service: access, identity: nil), host: "127.0.0.1", port: 0,
      registry: registry, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      guard let port = await server.boundPort() else {
        try await group.waitForAll()
        return
      }
      // All tests share few threads: it may be long before it is a connection's turn.
      let client = try APIClient(
        server: "http://127.0.0.1:\(port)", connectTimeout: .seconds(60))
      do {
        try await body(
          RunningServer(
            cluster: cluster, tree: tree, backups: backups, access: access, registry: registry,
            port: port, client: client))
      } catch {
        await client.shutdown()
        group.cancelAll()
        throw error
      }
      await client.shutdown()
      group.cancelAll()
      // Where everything shares few threads, saying farewell may take too long.
      while await group.nextResult() != nil {}
    }
  }

  /// Sends a request as it is.
  func send(
    _ method: HTTPMethod, _ path: [String], query: [(String, String?)] = [],
    headers: HTTPHeaders = [:], body: [UInt8]? = nil
  ) async throws -> Answer {
    try await client.answer(
      to: Call(method: method, path: path, query: query, headers: headers, body: body))
  }
}

extension Answer {
  var text: String { String(decoding: body, as: UTF8.self) }
  var problem: ProblemResource? { try? APIJSON.decode(ProblemResource.self, from: body) }

  func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try APIJSON.decode(type, from: body)
  }
}
