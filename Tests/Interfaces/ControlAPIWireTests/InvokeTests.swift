import ClusterModel
import HostPorts
import Testing

/// `POST /v1/invoke/{module}`.
@Suite struct InvokeTests {
  @Test func `the answer is the output alone, and the headers say what it took`() async throws {
    try await TestServer.run { server in
      let answer = try await server.send("POST", "/v1/invoke/upper", body: Array("héllo".utf8))
      #expect(answer.status == 200)
      #expect(answer.text == "HéLLO")
      #expect(answer.headers["wasmatrix-cpu-time-us"] == "40")
      #expect(answer.headers["wasmatrix-wall-time-us"] == "90")
      #expect(answer.headers["x-content-type-options"] == "nosniff")
      let unknown = try await server.send("POST", "/v1/invoke/none")
      #expect(unknown.status == 404)
    }
  }

  @Test func `the module gets an event with the attributes of the request`() async throws {
    try await TestServer.run { server in
      _ = try await server.send(
        "POST", "/v1/invoke/upper",
        [("ce-id", "a%201"), ("ce-unit", "\u{22}K\u{22}"), ("Content-Type", "text/plain")],
        body: [104, 105])
      _ = try await server.send("POST", "/v1/invoke/upper")
      let events = server.cluster.now.invoked
      try #require(events.count == 2)
      #expect(events[0].id == "a 1")
      #expect(events[0].attribute("unit") == "K")
      #expect(events[0].dataContentType == "text/plain")
      #expect(events[0].data == [104, 105])
      #expect(events[1].data == [])
      #expect(!events[1].id.isEmpty)
    }
  }

  @Test(arguments: [
    (ActivationFailure.Code.guestExited, 502), (.guestTrapped, 502), (.startFailed, 502),
    (.memoryLimit, 502), (.outputLimit, 502), (.cpuTimeLimit, 504), (.wallTimeLimit, 504),
    (.cancelled, 503), (.overloaded, 429), (.unavailable, 503), (.loopDetected, 409),
    (.internalError, 500),
  ])
  func `a failure has its status, and tells how and what was logged`(
    _ code: ActivationFailure.Code, _ status: Int
  ) async throws {
    let cluster = ClusterDouble()
    cluster.set { state in
      var failure = Samples.failure
      failure.code = code
      failure.exitStatus = 3
      state.report = ActivationReport(
        result: .failure(failure), log: Array("going down".utf8) + [0xff], logTruncated: true,
        usage: ActivationUsage(cpuTime: .microseconds(5)))
    }
    try await TestServer.run(cluster) { server in
      let answer = try await server.send("POST", "/v1/invoke/upper")
      #expect(answer.status == status)
      #expect(try answer.problemCode() == code.rawValue)
      let failure = try answer.json()["failure"]
      #expect(failure["code"].text == code.rawValue)
      #expect(failure["trap"].text == "unreachable")
      #expect(failure["exitStatus"].int == 3)
      #expect(failure["frames"][0]["moduleOffset"].int == 77)
      #expect(failure["log"].text == "going down\u{fffd}")
      #expect(failure["logTruncated"].bool == true)
      #expect(answer.headers["wasmatrix-cpu-time-us"] == "5")
      #expect((answer.headers["retry-after"] != nil) == (status == 429))
    }
  }

  @Test func `simultaneous invocations each get their own answer`() async throws {
    try await TestServer.run { server in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<200 {
          group.addTask {
            let answer = try await server.send(
              "POST", "/v1/invoke/upper", body: Array("call \(number)".utf8))
            #expect(answer.text == "CALL \(number)")
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
