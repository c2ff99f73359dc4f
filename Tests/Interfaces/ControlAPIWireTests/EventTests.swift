import ClusterModel
import ControlAPIModel
import Foundation
import HostPorts
import Testing

/// `POST /v1/events` and what became of them.
@Suite struct EventTests {
  static let binary = [
    ("ce-specversion", "1.0"), ("ce-id", "e1"), ("ce-source", "/tests"), ("ce-type", "reading"),
  ]
  static let structured = ("Content-Type", "application/cloudevents+json")
  static let batch = ("Content-Type", "application/cloudevents-batch+json; charset=UTF-8")

  @Test func `an accepted event is answered with where it is`() async throws {
    try await TestServer.run { server in
      let answer = try await server.send("POST", "/v1/events", Self.binary, body: [1])
      #expect(answer.status == 202)
      #expect(answer.headers["location"] == "/v1/events/1")
      let told = try answer.json()
      #expect(told["offset"].int == 1)
      #expect(told["id"].text == "e1")
      #expect(told["source"].text == "/tests")
      #expect(told["deliveries"].int == 1)
    }
  }

  @Test func `the topic is that of the query, else of the attribute, else the type`()
    async throws
  {
    try await TestServer.run { server in
      let attribute = Self.binary + [("ce-topic", "a/b")]
      _ = try await server.send("POST", "/v1/events?topic=x/%C3%A9", attribute)
      _ = try await server.send("POST", "/v1/events", attribute)
      _ = try await server.send("POST", "/v1/events", Self.binary)
      let wildcard = try await server.send("POST", "/v1/events?topic=a/%2B", Self.binary)
      #expect(wildcard.status == 400)
      let published = server.cluster.now.published
      #expect(published.map(\.topic.text) == ["x/é", "a/b", "reading"])
      #expect(published.allSatisfy { $0.extensions.isEmpty })
    }
  }

  @Test func `plain data needs no more than a topic`() async throws {
    try await TestServer.run { server in
      let answer = try await server.send(
        "POST", "/v1/events?topic=a", [("Content-Type", "text/csv")], body: Array("1,2".utf8))
      #expect(answer.status == 202)
      let event = try #require(server.cluster.now.published.first)
      #expect(event.data == Array("1,2".utf8))
      #expect(event.dataContentType == "text/csv")
      #expect(!event.id.isEmpty)
      let none = try await server.send("POST", "/v1/events", body: Array("1,2".utf8))
      #expect(try none.problemCode() == "event_invalid")
    }
  }

  @Test func `structured events keep their data as it was written`() async throws {
    let head = #""specversion":"1.0","id":"e","source":"/s","type":"t""#
    let cases: [(String, [UInt8])] = [
      (#","data":{"b":1.0,"a":[ 1e2 ]}"#, Array(#"{"b":1.0,"a":[ 1e2 ]}"#.utf8)),
      (#","data":"text","datacontenttype":"text/plain""#, Array("text".utf8)),
      (#","data":"\u00e9\n","datacontenttype":"text/plain""#, Array("é\n".utf8)),
      (#","data":"text","datacontenttype":"application/json""#, Array(#""text""#.utf8)),
      (#","data_base64":"/wA=","datacontenttype":"image/png""#, [0xff, 0]),
      (#","data":null"#, []), ("", []),
    ]
    try await TestServer.run { server in
      for (rest, data) in cases {
        let body = Array("{\(head)\(rest)}".utf8)
        let answer = try await server.send("POST", "/v1/events", [Self.structured], body: body)
        #expect(answer.status == 202, "\(rest): \(answer.text)")
        #expect(server.cluster.now.published.last?.data == data, "\(rest)")
      }
    }
  }

  @Test func `a batch is published in order and answered with a list`() async throws {
    func event(_ number: Int) -> String {
      #"{"specversion":"1.0","id":"\#(number)","source":"/s","type":"t","data":\#(number)}"#
    }
    let events = (0..<1000).map(event)
    try await TestServer.run { server in
      let body = Array("[\(events.joined(separator: ","))]".utf8)
      let answer = try await server.send("POST", "/v1/events", [Self.batch], body: body)
      #expect(answer.status == 202)
      #expect(try answer.json()["items"].count == 1000)
      #expect(server.cluster.now.published.map(\.id) == (0..<1000).map(String.init))
      let empty = try await server.send("POST", "/v1/events", [Self.batch], body: Array("[]".utf8))
      #expect(empty.status == 202)
      let more = Array("[\((events + [event(1000)]).joined(separator: ","))]".utf8)
      let refused = try await server.send("POST", "/v1/events", [Self.batch], body: more)
      #expect(refused.status == 413)
      let broken = Array("[\(event(1)),{}]".utf8)
      #expect(
        try await server.send("POST", "/v1/events", [Self.batch], body: broken).status == 400)
      #expect(server.cluster.now.published.count == 1000)
    }
  }

  @Test(arguments: [
    [("ce-id", "e")], [("ce-specversion", "0.3")], [("ce-specversion", "1.0"), ("ce-id", "e")],
    binary + [("ce-time", "yesterday")], binary + [("ce-bad_name", "x")],
    binary + [("ce-extension", "%ff")], binary + [("ce-subject", "")],
    binary + [("ce-dataschema", "no uri")], binary + [("ce-id", "twice")],
    binary + [("Content-Type", "nothing")],
    binary + [("ce-subject", String(repeating: "x", count: 1025))],
    binary + (0..<65).map { ("ce-x\($0)", "v") },
  ])
  func `attributes that break a rule of CloudEvents are refused`(_ headers: [(String, String)])
    async throws
  {
    try await TestServer.run { server in
      let answer = try await server.send("POST", "/v1/events", headers, body: [1])
      #expect(answer.status == 400)
      #expect(try answer.problemCode() == "event_invalid")
      #expect(server.cluster.now.published.isEmpty)
    }
  }

  @Test func `a full log pushes back`() async throws {
    let cluster = ClusterDouble()
    cluster.set { $0.refusal = Problem(.overloaded, code: "log_full", "the log is full") }
    try await TestServer.run(cluster) { server in
      let answer = try await server.send("POST", "/v1/events", Self.binary)
      #expect(answer.status == 429)
      #expect(answer.headers["retry-after"] != nil)
    }
  }

  @Test func `the status of an event tells each delivery, and waits as long as was asked`()
    async throws
  {
    try await TestServer.run { server in
      _ = try await server.send("POST", "/v1/events", Self.binary)
      let status = try await server.send("GET", "/v1/events/1?wait=1500ms").json()
      #expect(server.cluster.now.patience == .milliseconds(1500))
      #expect(status["event"]["topic"].text == "reading")
      #expect(status["settled"].bool == true)
      let delivery = status["deliveries"][0]
      #expect(delivery["state"].text == "succeeded")
      #expect(delivery["output"]["base64"].text == "/wA=")
      #expect(delivery["output"]["text"].value == nil)
      #expect(delivery["outputTruncated"].bool == true)
      #expect(try await server.send("GET", "/v1/events/9").status == 404)
      for wait in ["3m", "-1s", "1", "99999999999999999999s", "1h", "s"] {
        #expect(try await server.send("GET", "/v1/events/1?wait=\(wait)").status == 400)
      }
    }
  }
}
