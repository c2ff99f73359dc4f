import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import Testing

@testable import ControlAPIClient

struct EventTailRouteTests {
  private static let path = ["v1", "events", "tail"]

  @Test func `events and what was missed come line by line`() async throws {
    try await RunningServer.run { server in
      let event = Event(
        id: "7", source: "/s", type: "t", topic: Topic(unchecked: "a/b"), data: Array("x".utf8))
      server.cluster.change {
        $0.tail = [
          .missed(from: EventOffset(3), through: EventOffset(8)),
          .event(
            LoggedEvent(offset: EventOffset(9), acceptedAt: Samples.instant, event: event)),
        ]
      }
      var lines: [TailLineResource] = []
      for try await line in try await server.client.tailEvents(
        on: TopicFilter("a/#"), matching: #"{"type": ["t"]}"#, since: EventOffset(3))
      {
        lines.append(line)
        if lines.count == 2 { break }
      }
      #expect(lines[0].missed?.from == EventOffset(3) && lines[0].event == nil)
      #expect(lines[0].missed?.through == EventOffset(8))
      #expect(lines[1].offset == EventOffset(9) && lines[1].event?.data?.text == "x")
      let question = server.cluster.read { $0.questions[0] }
      #expect(question.topic.text == "a/#" && question.since == EventOffset(3))
      #expect(question.pattern != nil)
    }
  }

  @Test(arguments: [
    [], [("topic", "a+")], [("topic", "a"), ("where", "{")], [("topic", "a"), ("where", "{}")],
    [("topic", "a"), ("where", #"{"time": ["x"]}"#)], [("topic", "a"), ("since", "-1")],
  ])
  func `what is wrong with the question is said at once`(query: [(String, String)]) async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(.GET, Self.path, query: query)
      #expect(answer.status == 400 && answer.problem?.code == "query_invalid")
    }
  }
}
