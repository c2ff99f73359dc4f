import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import Synchronization
import Testing

@testable import ControlAPIClient

struct EventRoutesTests {
  private static let path = ["v1", "events"]
  private static let headers = [
    ("ce-specversion", "1.0"), ("ce-id", "7"), ("ce-source", "/s"), ("ce-type", "sea.reading"),
  ]

  @Test func `an event in headers is accepted with its place`() async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(
        .POST, Self.path,
        headers: .init(
          Self.headers + [
            ("ce-subject", "\"a%C3%A4 \\\"b\""), ("CE-Topic", "sea/1"),
            ("Content-Type", "text/csv"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
          ]), body: Array("1,2".utf8))
      #expect(answer.status == 202)
      #expect(answer.headers.first(name: "location") == "/v1/events/1")
      let accepted = try answer.decoded(AcceptedEventResource.self)
      #expect(accepted.offset == EventOffset(1) && accepted.id == "7" && accepted.source == "/s")
      #expect(accepted.deliveries == 2)
      let (event, caller) = server.cluster.read { ($0.events[0], $0.callers[0]) }
      #expect(event.subject == "aä \"b")
      #expect(event.topic.text == "sea/1" && event.extensions.isEmpty)
      #expect(event.dataContentType == "text/csv")
      #expect(caller.principal == .local)
      #expect(caller.traceParent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    }
  }

  @Test func `a topic alone makes an event of any body`() async throws {
    try await RunningServer.run { server in
      let accepted = try await server.client.publish(
        Array("21.5".utf8), to: Topic("plant/1/temperature"), contentType: "text/plain")
      #expect(accepted.source == "/v1/events" && accepted.id.count == 36)
      let event = server.cluster.read { $0.events[0] }
      #expect(event.topic.text == "plant/1/temperature" && event.type == "wasmatrix.event")
      #expect(event.data == Array("21.5".utf8) && event.dataContentType == "text/plain")
    }
  }

  @Test func `the query names the topic whatever the event says`() async throws {
    try await RunningServer.run { server in
      _ = try await server.send(
        .POST, Self.path, query: [("topic", "other")],
        headers: .init(Self.headers + [("ce-topic", "own")]))
      #expect(server.cluster.read { $0.events[0].topic.text } == "other")
    }
  }

  @Test func `a body without attributes and topic is refused`() async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(.POST, Self.path, body: [1])
      #expect(answer.status == 400 && answer.problem?.code == "event_invalid")
      #expect(answer.headers.first(name: "content-type") == "application/problem+json")
    }
  }

  @Test func `an attribute given twice in headers is refused`() async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(
        .POST, Self.path, headers: .init(Self.headers + [("ce-id", "8")]))
      #expect(answer.status == 400)
      #expect(answer.problem?.detail.contains("\"id\"") == true)
    }
  }

  @Test func `a batch is accepted in order`() async throws {
    try await RunningServer.run { server in
      let events = (0..<5).map {
        "{\"specversion\":\"1.0\",\"id\":\"\($0)\",\"source\":\"/a\",\"type\":\"t\",\"data\":\($0)}"
      }
      let answer = try await server.send(
        .POST, Self.path, headers: ["Content-Type": "application/cloudevents-batch+json"],
        body: Array("[\(events.joined(separator: " , "))]".utf8))
      #expect(answer.status == 202)
      let accepted = try answer.decoded(ListResource<AcceptedEventResource>.self).items
      #expect(accepted.map(\.id) == ["0", "1", "2", "3", "4"])
      #expect(server.cluster.read { $0.events.map(\.id) } == accepted.map(\.id))
    }
  }

  @Test func `a batch with one bad event changes nothing`() async throws {
    try await RunningServer.run { server in
      let good = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}"
      let answer = try await server.send(
        .POST, Self.path, headers: ["Content-Type": "application/cloudevents-batch+json"],
        body: Array("[\(good),{\"specversion\":\"1.0\"}]".utf8))
      #expect(answer.status == 400)
      #expect(answer.problem?.detail.hasPrefix("event 1 of the batch: ") == true)
      #expect(server.cluster.read { $0.events.isEmpty })
    }
  }

  @Test func `a batch over the limit is refused`() async throws {
    try await RunningServer.run { server in
      let event = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}"
      let body = "[" + Array(repeating: event, count: 1001).joined(separator: ",") + "]"
      let answer = try await server.send(
        .POST, Self.path, headers: ["Content-Type": "application/cloudevents-batch+json"],
        body: Array(body.utf8))
      #expect(answer.status == 413 && answer.problem?.code == "batch_too_large")
    }
  }

  @Test func `a full log pushes back, and says how far a batch came`() async throws {
    try await RunningServer.run { server in
      let full = Problem(
        .overloaded, code: "log_full", "the log is full", next: "Wait.", retryAfter: .seconds(7))
      server.cluster.change { $0.publishProblems = [full, nil, full] }
      let one = try await server.send(.POST, Self.path, query: [("topic", "a")])
      #expect(one.status == 429 && one.headers.first(name: "retry-after") == "7")
      #expect(one.problem?.problem == full)
      let event = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}"
      let batch = try await server.send(
        .POST, Self.path, headers: ["Content-Type": "application/cloudevents-batch+json"],
        body: Array("[\(event),\(event)]".utf8))
      #expect(batch.status == 429)
      #expect(batch.problem?.detail.contains("the first 1 of 2 events were accepted") == true)
    }
  }

  @Test func `a refusal that does not know when to try again says a second`() async throws {
    try await RunningServer.run { server in
      server.cluster.change {
        $0.publishProblems = [Problem(.overloaded, code: "store_busy", "too much")]
      }
      let answer = try await server.send(.POST, Self.path, query: [("topic", "a")])
      #expect(answer.status == 429 && answer.headers.first(name: "retry-after") == "1")
    }
  }

  @Test func `a client that is told to slow down does, and no longer than it wants to`()
    async throws
  {
    try await RunningServer.run { server in
      let full = Problem(.overloaded, code: "log_full", "full", retryAfter: .seconds(1))
      let event = Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: "a"))
      let waits = Mutex<[Duration]>([])
      let slowDown = SlowDown(patience: .seconds(2)) { wait, problem in
        if problem == full { waits.withLock { $0.append(wait) } }
      }
      server.cluster.change { $0.publishProblems = [full, full] }
      let accepted = try await server.client.publish(event, slowDown: slowDown)
      #expect(accepted.offset == EventOffset(1))
      #expect(waits.withLock { $0 } == [.seconds(1), .seconds(1)])
      for (patience, problems) in [(0, [full]), (1, [full, full])] {
        server.cluster.change { $0.publishProblems = problems }
        let brief = SlowDown(patience: .seconds(patience))
        let problem = await #expect(throws: Problem.self) {
          try await server.client.publish(event, slowDown: brief)
        }
        #expect(problem == full)
        #expect(server.cluster.read { $0.publishProblems.isEmpty })
      }
    }
  }

  @Test(arguments: ["application/cloudevents+xml", "application/cloudevents+json; charset=utf-16"])
  func `forms of events that are not read are said to be so`(_ type: String) async throws {
    try await RunningServer.run { server in
      let answer = try await server.send(
        .POST, Self.path, headers: ["Content-Type": type], body: Array("{}".utf8))
      #expect(answer.status == 415 && answer.problem?.code == "content_type_unsupported")
    }
  }

  @Test func `the status of an event waits as long as it is asked to`() async throws {
    try await RunningServer.run { server in
      let status = try await server.client.eventStatus(
        EventOffset(9), patience: .milliseconds(1500))
      #expect(status.offset == EventOffset(9) && status.settled)
      #expect(status.deliveries[0].output?.text == "ok")
      #expect(status.deliveries[1].failure?.failure == Samples.failure)
      #expect(server.cluster.read { $0.patience } == .milliseconds(1500))
      for wait in ["10", "-1s", "s", "121s", "1h", "99999999999s"] {
        let answer = try await server.send(.GET, Self.path + ["1"], query: [("wait", wait)])
        #expect(answer.status == 400, "wait=\(wait)")
      }
      for offset in ["x", "-1", "+1", "99999999999999999999"] {
        let answer = try await server.send(.GET, Self.path + [offset])
        #expect(answer.status == 400 && answer.problem?.code == "number_invalid")
      }
    }
  }
}
