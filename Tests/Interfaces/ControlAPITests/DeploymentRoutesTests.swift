import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import Testing

@testable import ControlAPIClient

struct DeploymentRoutesTests {
  private static let manifest = """
    apiVersion: wasmatrix/v1
    name: weather
    modules:
      clean:
        version: 1.0.0
    """
  private static let versions = [Samples.version.name: Samples.version.version]

  @Test func `progress comes line by line, and the end last`() async throws {
    try await RunningServer.run { server in
      var lines: [DeployLine] = []
      for try await line in try await server.client.deploy(
        manifest: Self.manifest, versions: Self.versions)
      {
        lines.append(line)
      }
      guard case .progress(let first) = lines[0], case .done(let deployments) = lines[2] else {
        Issue.record("other lines: \(lines)")
        return
      }
      #expect(lines.count == 3)
      #expect(first.step == .ready && first.module == Samples.version.name)
      #expect(deployments == [DeploymentResource(Samples.deployment)])
    }
  }

  @Test func `a deployment that fails ends with the problem`() async throws {
    try await RunningServer.run { server in
      let problem = Problem(.refused, code: "signature_missing", "not signed", next: "Sign it.")
      server.cluster.change { $0.problem = problem }
      var last: DeployLine?
      for try await line in try await server.client.deploy(
        manifest: Self.manifest, versions: Self.versions)
      {
        last = line
      }
      #expect(last == .problem(ProblemResource(problem)))
    }
  }

  @Test func `a manifest that is wrong is refused before anything begins`() async throws {
    try await RunningServer.run { server in
      do throws(Problem) {
        _ = try await server.client.deploy(manifest: "name: 7\n", versions: [:])
        Issue.record("it was taken")
      } catch {
        #expect(error.category == .invalidInput && error.code == "manifest_invalid")
        #expect(error.message.contains("wasmatrix.yaml:1"))
      }
      #expect(server.cluster.read { $0.callers.isEmpty })
    }
  }

  @Test(arguments: [
    "", "{", "[]", "{\"manifest\": 7}", "{\"manifest\": \"\"}",
    "{\"manifest\": \"\", \"versions\": {\"a\": \"b c\"}}",
    String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 20_000),
  ])
  func `a request that is not what is wanted is refused`(_ body: String) async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(.POST, ["v1", "deployments"], body: Array(body.utf8))
      #expect(answer.status == 400)
      #expect(["json_invalid", "manifest_invalid"].contains(answer.problem?.code))
    }
  }

  @Test func `malformed JSON is refused with its place`() async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(
        .POST, ["v1", "deployments"], body: Array("{\n  \"manifest\": x\n}".utf8))
      #expect(answer.problem?.cause == "at line 2, column 15", "\(answer.text)")
      let typed = try await server.send(
        .POST, ["v1", "deployments"],
        body: Array("{\"manifest\": \"\", \"versions\": {\"a\": 1}}".utf8))
      #expect(typed.problem?.detail.contains("versions.a") == true, "\(typed.text)")
    }
  }

  @Test func `a name is an application's first, a module's else`() async throws {
    try await RunningServer.run { server in
      server.cluster.change {
        $0.deployments = [
          Samples.deployment("clean", of: "weather"), Samples.deployment("weather", of: "other"),
        ]
      }
      for (name, kind) in [
        ("weather", nil), ("clean", nil), ("weather", .module), ("clean", .application),
      ] as [(String, UndeployKind?)] {
        let removed = try await server.client.undeploy(name, kind: kind)
        #expect(removed == [Samples.version.name])
      }
      let bad = try await server.send(
        .DELETE, ["v1", "deployments", "clean"], query: [("kind", "all")])
      #expect(bad.status == 400)
      #expect(
        server.cluster.read { $0.undeployed } == [
          .application(ApplicationName(unchecked: "weather")),
          .module(ModuleName(unchecked: "clean")), .module(ModuleName(unchecked: "weather")),
          .application(ApplicationName(unchecked: "clean")),
        ])
    }
  }
}
