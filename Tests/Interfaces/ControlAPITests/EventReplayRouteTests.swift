import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import Synchronization
import Testing

@testable import ControlAPIClient

struct EventReplayRouteTests {
  @Test func `a client goes on page by page, to the end that was there at the beginning`()
    async throws
  {
    try await RunningServer.run { server in
      let request = ReplayRequest(
        from: .time(Samples.instant), topic: try TopicFilter("a/#"), module: try ModuleName("m"))
      let pages = Mutex<[ReplayResource]>([])
      try await server.client.replay(request, slowDown: .none) { page in
        pages.withLock { $0.append(page) }
      }
      #expect(pages.withLock { $0.map(\.events) } == [7, 7])
      #expect(pages.withLock { $0[0].missed.map(\.through) } == [EventOffset(4)])
      var next = request
      next.from = .offset(EventOffset(201))
      next.through = .offset(EventOffset(300))
      #expect(server.cluster.read { $0.replays } == [request, next])
    }
  }

  @Test(arguments: [
    "{}", #"{"from": 1, "fromTime": "2026-11-26T08:00:00Z"}"#, #"{"from": -1}"#,
    #"{"from": 1, "through": 2, "throughTime": "2026-11-26T08:00:00Z"}"#,
  ])
  func `what is wrong with the request is said`(body: String) async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(
        .POST, ["v1", "events", "replay"], headers: ["Content-Type": "application/json"],
        body: Array(body.utf8))
      #expect(answer.status == 400 && answer.problem?.code == "replay_invalid")
    }
  }
}
