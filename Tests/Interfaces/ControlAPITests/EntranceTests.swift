import ClusterModel
import ControlAPI
import ControlAPIModel
import HostPorts
import Logging
import Telemetry
import Testing

@testable import ControlAPIClient

/// The entrance of a node: the same requests and answers as at a control plane, of which it has a few.
@Suite struct EntranceTests {
  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// What a client got of an entrance in front of a cluster.
  private static func ask<Answer: Sendable>(
    _ cluster: SampleCluster, _ question: @Sendable (APIClient) async -> Answer
  ) async throws -> Answer? {
    let server = try ControlAPIServer(
      entrance: cluster, tokens: SampleAccess(), identity: nil, host: "127.0.0.1", port: 0,
      registry: PrometheusRegistry(), logger: quiet)
    let running = Task { try await server.run() }
    var answer: Answer?
    if let port = await server.boundPort() {
      let client = try APIClient(
        server: "http://127.0.0.1:\(port)", connectTimeout: .seconds(60))
      answer = await question(client)
      await client.shutdown()
    }
    running.cancel()
    _ = await running.result
    return answer
  }

  @Test func `modules run`() async throws {
    let cluster = SampleCluster()
    cluster.change { $0.report = ActivationReport(result: .success([5])) }
    let output = try await Self.ask(cluster) { client -> [UInt8]? in
      let outcome = try? await client.invoke(ModuleName(unchecked: "clean"), data: [1])
      guard case .succeeded(let result)? = outcome else { return nil }
      return result.output
    }
    #expect(output == [5])
    let data = cluster.read { $0.events.map(\.data) }
    #expect(data == [[1]])
  }

  @Test func `what is the control plane's is not there`() async throws {
    let code = try await Self.ask(SampleCluster()) { client -> String? in
      do throws(Problem) {
        _ = try await client.deployments()
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code == "route_unknown")
  }

  @Test func `beyond loopback it is not opened without an identity`() {
    var code: String?
    do throws(Problem) {
      _ = try ControlAPIServer(
        entrance: SampleCluster(), tokens: SampleAccess(), identity: nil, host: "10.0.0.1",
        port: 0, registry: PrometheusRegistry(), logger: Self.quiet)
    } catch {
      code = error.code
    }
    #expect(code == "listen_beyond_loopback")
  }
}
