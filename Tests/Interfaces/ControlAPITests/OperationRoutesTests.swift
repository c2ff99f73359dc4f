import ClusterModel
import ControlAPIModel
import HostPorts
import Scheduling
import Testing

@testable import ControlAPIClient

/// Rollback, history, plan, explain, and what is done with nodes.
@Suite struct OperationRoutesTests {
  private let module = Samples.version.name
  private let node = NodeID(unchecked: "local")

  @Test func `a rollback says what it went back to`() async throws {
    try await RunningServer.run { server in
      let last = try await server.client.rollBack(module, to: nil)
      #expect(last.version == Samples.version.version)
      let chosen = try await server.client.rollBack(module, to: ModuleVersion(unchecked: "0.9"))
      #expect(chosen.version == ModuleVersion(unchecked: "0.9"))
      let history = try await server.client.history(of: module)
      #expect(history.map(\.generation) == [3])
    }
  }

  @Test func `a change of scale tells its steps, and can be tried without`() async throws {
    try await RunningServer.run { server in
      var lines: [DeployLine] = []
      for try await line in try await server.client.scale(module, to: 7) { lines.append(line) }
      guard case .progress(let step) = lines.first, case .done(let deployments) = lines.last else {
        Issue.record("\(lines)")
        return
      }
      #expect(lines.count == 2 && step.step == .accepted)
      #expect(deployments.map(\.replicas) == [7])
      #expect(try await server.client.planScale(module, to: 2) == Samples.explanation)
      server.cluster.change { $0.problem = Problem(.notFound, code: "not_deployed", "no") }
      for try await line in try await server.client.scale(module, to: 7) {
        guard case .problem(let problem) = line else {
          Issue.record("\(line)")
          return
        }
        #expect(problem.code == "not_deployed")
      }
      await #expect(throws: Problem.self) { try await server.client.planScale(module, to: 2) }
    }
  }

  @Test func `a plan and an explanation come through as they are`() async throws {
    try await RunningServer.run { server in
      let manifest = """
        apiVersion: wasmatrix/v1
        name: a
        modules: { m: { version: "1" } }
        """
      let plan = try await server.client.plan(manifest: manifest)
      #expect(plan == [Samples.explanation])
      let explanation = try await server.client.explain(module)
      #expect(explanation == Samples.explanation)
      await #expect(throws: Problem.self) { try await server.client.plan(manifest: "nonsense") }
    }
  }

  @Test func `commands for nodes say how the node is given work`() async throws {
    try await RunningServer.run { server in
      let drained = try await server.client.command(.drain, node)
      #expect(drained.scheduling == .draining)
      let cordoned = try await server.client.command(.cordon, node)
      #expect(cordoned.node == node)
      let forgotten = try await server.client.command(.forget, node)
      #expect(forgotten.scheduling == nil)
      let evicted = try await server.client.command(.evict, node)
      #expect(evicted.scheduling == nil)
    }
  }

  @Test func `a node says whether anything is left on it, and one of an older server does not`()
    async throws
  {
    try await RunningServer.run { server in
      let drained = try await server.client.nodes().map(\.drained)
      #expect(drained == [false])
    }
    var status = Samples.node
    status.isDrained = true
    let text = String(decoding: try APIJSON.encode(NodeResource(status)), as: UTF8.self)
    #expect(try APIJSON.decode(NodeResource.self, from: Array(text.utf8)).drained == true)
    var older = text
    for part in ["\"drained\":true,", "\"breaker\":\"half_open\",", "\"reason\":\"relieved\","] {
      #expect(older.contains(part))
      older = older.replacing(part, with: "")
    }
    let shown = try APIJSON.decode(NodeResource.self, from: Array(older.utf8))
    #expect(shown.drained == nil && shown.breaker == nil && shown.reason == nil)
  }

  @Test func `a word for a state that is not known yet hides no node`() throws {
    let text = String(decoding: try APIJSON.encode(NodeResource(Samples.node)), as: UTF8.self)
    let newer = text.replacing("\"reason\":\"relieved\"", with: "\"reason\":\"elsewhere\"")
    #expect(newer != text)
    #expect(
      try APIJSON.decode(NodeResource.self, from: Array(newer.utf8)).reason == "elsewhere")
  }

  @Test func `an older server does not say who has not answered`() throws {
    let list = FleetListResource(items: [1], unanswered: [Samples.silentNode])
    let text = String(decoding: try APIJSON.encode(list), as: UTF8.self)
    #expect(text == "{\"items\":[1],\"unanswered\":[\"silent\"]}")
    let older = try APIJSON.decode(FleetListResource<Int>.self, from: Array("{\"items\":[1]}".utf8))
    #expect(older.items == [1] && older.unanswered == nil)
  }
}
