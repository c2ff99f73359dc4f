import ClusterModel
import NIOHTTP1
import Supervision
import Testing

@testable import ControlAPIClient

@Suite struct SupervisionRoutesTests {
  @Test func `the tree is shown as it is`() async throws {
    try await RunningServer.run { server in
      let tree = await server.tree.status()
      let shown = try await server.client.supervision()
      #expect(shown == tree)
    }
  }

  @Test func `a child is killed by its path, and one that is not there is a problem`() async throws
  {
    try await RunningServer.run { server in
      try await server.client.kill(child: "main/bus")
      #expect(server.tree.kills == ["main/bus"])
      do throws(Problem) {
        try await server.client.kill(child: "main/none")
        Issue.record("it was killed")
      } catch {
        #expect(error.code == "no_such_child" && error.category == .notFound)
      }
      #expect(server.tree.kills == ["main/bus"])
    }
  }

  @Test func `a service of an application is killed by its name and not looked for in the tree`()
    async throws
  {
    try await RunningServer.run { server in
      try await server.client.kill(child: "plant/reader")
      do throws(Problem) {
        try await server.client.kill(child: "plant/none")
        Issue.record("it was killed")
      } catch {
        #expect(error.code == "no_such_child" && error.category == .notFound)
      }
      #expect(server.tree.kills.isEmpty)
    }
  }

  @Test func `a kill that says not whom is refused`() async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(
        .POST, ["v1", "supervision", "kill"], headers: ["Content-Type": "application/json"],
        body: Array("{}".utf8))
      #expect(answer.status == 400)
    }
  }
}
