import ConnectionTesting
import ControlAPI
import Logging
import Telemetry
import Testing

/// The end of the API's listener while others connect.
@Suite(.timeLimit(.minutes(10)))
struct ListenerEndTests {
  @Test func `a listener that ends while callers connect takes nothing with it`() async throws {
    for round in 0..<Self.ends {
      let server = try ControlAPIServer(
        service: SampleCluster(), supervision: SampleTree(), backups: SampleBackups(),
        access: APIAccess(service: SampleAccess(), identity: nil), host: "127.0.0.1", port: 0,
        registry: PrometheusRegistry(),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      let serving = Task { try await server.run() }
      let port = try #require(await server.boundPort())
      await hammer(port, connections: round) { serving.cancel() }
      _ = await serving.result
    }
  }

  private static let ends = 40
}
