import ClusterModel
import ControlAPIModel
import Glibc
import HostPorts
import Testing

@testable import ControlAPIClient

/// Many at the same time.
struct CrowdTests {
  @Test func `simultaneous invocations each get their own answer`() async throws {
    try await RunningServer.run { server in
      server.cluster.change { $0.echoes = true }
      try await withThrowingTaskGroup(of: Void.self) { group in
        // As many callers as the client lets wait for its few connections on a busy machine.
        for caller in 0..<20 {
          group.addTask {
            for number in 0..<10 {
              let data = Array("call \(number) of \(caller)".utf8)
              let outcome = try await server.client.invoke(Samples.version.name, data: data)
              guard case .succeeded(let result) = outcome else {
                Issue.record("call \(number) of \(caller) failed: \(outcome)")
                return
              }
              #expect(result.output == data)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(server.cluster.read { $0.events.count } == 200)
    }
  }

  @Test func `thousands of idle connections do not keep others out`() async throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    // Both ends of a connection are in this process, which needs some files for the rest.
    let count = min(2000, (Int(clamping: limit.rlim_cur) - 400) / 2)
    try await RunningServer.run { server in
      let idle = try (0..<count).map { _ in try RawConnection(port: server.port) }
      let health = try await server.client.health()
      #expect(health.status == "ready")
      withExtendedLifetime(idle) {}
    }
  }
}
