import ClusterModel
import ControlAPI
import ControlAPIModel
import HostPorts
import Logging
import NIOHTTP1
import Telemetry
import Testing

@testable import ControlAPIClient

struct OriginTests {
  @Test(arguments: [
    "http://evil.test", "null", "http://127.0.0.1.evil.test", "http://localhost@evil.test",
    "https://localhost.evil.test:8080", "file://", "http://1270.0.0.1", "http://127.0.0.1:x",
  ])
  func `a page from elsewhere is refused`(_ origin: String) async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(.GET, ["v1", "nodes"], headers: ["Origin": origin])
      #expect(answer.status == 403 && answer.problem?.code == "origin_refused")
      #expect(server.cluster.read { $0.callers.isEmpty })
    }
  }

  @Test(arguments: ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443"])
  func `a page from this machine is let in`(_ origin: String) async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(.GET, ["v1", "nodes"], headers: ["Origin": origin])
      #expect(answer.status == 200)
    }
  }

  @Test(arguments: [
    "evil.test", "evil.test:80", "127.0.0.1.nip.io", "0.0.0.0", "10.0.0.1", "[::2]",
  ])
  func `a name that was made point here is refused`(_ host: String) async throws {
    try await RunningServer.run { server in
      let connection = try RawConnection(port: server.port)
      await connection.write("GET /healthz HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
      #expect(await connection.read().hasPrefix("HTTP/1.1 403"))
    }
  }

  @Test(arguments: ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]", "127.9.9.9"])
  func `the names of this machine are let in`(_ host: String) async throws {
    try await RunningServer.run { server in
      let connection = try RawConnection(port: server.port)
      await connection.write("GET /healthz HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
      #expect(await connection.read().hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test(arguments: ["0.0.0.0", "::", "192.168.1.1", "example.org", "", "127.0.0.256", "127.1"])
  func `listening beyond loopback is refused`(_ host: String) {
    do throws(Problem) {
      _ = try ControlAPIServer(
        service: SampleCluster(), supervision: SampleTree(), backups: SampleBackups(),
        access: APIAccess(service: SampleAccess(), identity: nil), host: host,
        port: 0,
        registry: PrometheusRegistry(),
        logger: Logger(label: "test"))
      Issue.record("it was taken")
    } catch {
      #expect(error.category == .refused && error.code == "listen_beyond_loopback")
    }
  }

  @Test func `a port that is taken is a problem`() async throws {
    try await RunningServer.run { server in
      let second = try ControlAPIServer(
        service: SampleCluster(), supervision: SampleTree(), backups: SampleBackups(),
        access: APIAccess(service: SampleAccess(), identity: nil),
        host: "127.0.0.1", port: server.port,
        registry: PrometheusRegistry(),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      async let port = second.boundPort()
      do {
        try await second.run()
        Issue.record("two listen on one port")
      } catch {
        #expect((error as? Problem)?.code == "listen_failed", "\(error)")
      }
      #expect(await port == nil)
    }
  }

  @Test func `who waits for the port of a server that has no identity hears that there is none`()
    async throws
  {
    struct None: IdentitySource {
      func identity() async throws(Problem) -> TLSIdentity {
        throw Problem(.unavailable, code: "no_identity", "there is none")
      }
    }
    let server = try ControlAPIServer(
      service: SampleCluster(), supervision: SampleTree(), backups: SampleBackups(),
      access: APIAccess(service: SampleAccess(), identity: None()), host: "localhost", port: 0,
      registry: PrometheusRegistry(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    async let port = server.boundPort()
    await #expect(throws: Problem.self) { try await server.run() }
    #expect(await port == nil)
  }
}
