import ClusterModel
import ControlAPIModel
import Dispatch
import HostPorts
import NIOHTTP1
import Testing

@testable import ControlAPIClient

struct InvokeRouteTests {
  private static let clean = ModuleName(unchecked: "clean")

  @Test func `the output is the answer, with what it used`() async throws {
    try await RunningServer.run { server in
      server.cluster.change {
        $0.report = ActivationReport(
          result: .success([0, 255]),
          usage: ActivationUsage(cpuTime: .microseconds(120), wallTime: .microseconds(3400)))
      }
      let outcome = try await server.client.invoke(Self.clean, data: [1, 2])
      #expect(
        outcome
          == .succeeded(
            InvocationResult(
              output: [0, 255], cpuTime: .microseconds(120), wallTime: .microseconds(3400))))
      let event = server.cluster.read { $0.events[0] }
      #expect(event.data == [1, 2] && event.source == "/v1/invoke")
      #expect(event.type == "wasmatrix.invoke" && event.id.count == 36)
    }
  }

  @Test func `an invocation is answered while another request holds up its thread`() async throws {
    try await RunningServer.run { server in
      let hold = DispatchSemaphore(value: 0)
      server.cluster.change {
        $0.hold = hold
        $0.echoes = true
      }
      async let slow = server.send(.GET, ["v1", "deployments"])
      let deadline = ContinuousClock.now + .seconds(60)
      while server.cluster.read({ $0.callers.isEmpty }) {
        try #require(ContinuousClock.now < deadline, "nobody is held up")
        try await Task.sleep(for: .milliseconds(1))
      }
      // On connections of all threads that read some.
      let answers = try await withThrowingTaskGroup(of: UInt.self) { group in
        for _ in 0..<8 {
          group.addTask {
            UInt(try await server.send(.POST, ["v1", "invoke", "clean"], body: [7]).status)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers == Array(repeating: 200, count: 8))
      let isHeldUp = server.cluster.read { $0.callers.count } == 9
      hold.signal()
      #expect(isHeldUp)
      #expect(try await slow.status == 200)
    }
  }

  @Test func `how long to wait and whether it may run again come from the query`() async throws {
    try await RunningServer.run { server in
      let wanted = [
        InvocationOptions(),
        InvocationOptions(timeout: .milliseconds(1500), isIdempotent: true),
      ]
      for options in wanted { _ = try await server.client.invoke(Self.clean, data: [], options) }
      #expect(server.cluster.read { $0.options } == wanted)
      for query in ["timeout=2h", "timeout=soon", "timeout=3601s", "idempotent=perhaps"] {
        let pair = query.split(separator: "=").map(String.init)
        let answer = try await server.send(
          .POST, ["v1", "invoke", "clean"], query: [(pair[0], pair[1])])
        #expect(answer.status == 400 && answer.problem?.code == "query_invalid", "\(query)")
      }
    }
  }

  @Test func `where the caller is comes from headers`() async throws {
    try await RunningServer.run { server in
      let zone = Zone(unchecked: "hall-2")
      let coordinates = try Coordinates(latitude: 48.25, longitude: -16)
      let places = [
        CallerPlace(zone: zone, coordinates: nil), CallerPlace(zone: nil, coordinates: coordinates),
        CallerPlace(zone: zone, coordinates: coordinates), nil,
      ]
      for place in places {
        _ = try await server.client.invoke(Self.clean, data: [], InvocationOptions(place: place))
      }
      #expect(server.cluster.read { $0.options.map(\.place) } == places)
      for (name, value) in [
        (APIHeader.callerZone, "a zone?"), (APIHeader.callerPlace, "48.2"),
        (APIHeader.callerPlace, "91,0"), (APIHeader.callerPlace, "1,2,3"),
        (APIHeader.callerPlace, "nan,0"),
      ] {
        let answer = try await server.send(
          .POST, ["v1", "invoke", "clean"], headers: [name: value])
        #expect(answer.status == 400 && answer.problem?.code == "caller_place_invalid", "\(value)")
      }
    }
  }

  @Test func `attributes in headers replace the defaults one by one`() async throws {
    try await RunningServer.run { server in
      _ = try await server.send(
        .POST, ["v1", "invoke", "clean"], headers: ["ce-id": "9", "ce-zone": "north"])
      let event = server.cluster.read { $0.events[0] }
      #expect(event.id == "9" && event.source == "/v1/invoke")
      #expect(event.attribute("zone") == "north")
    }
  }

  @Test(arguments: [
    ("text/plain", "hi", "text/plain; charset=utf-8"),
    ("application/json, text/*;q=0.5", "hi", "text/plain; charset=utf-8"),
    ("*/*", "hi", "application/octet-stream"), ("", "hi", "application/octet-stream"),
    ("text/plain", "\u{0}bytes", "application/octet-stream"),
  ])
  func `text comes as text when that was asked for`(
    _ accept: String, _ output: String, _ type: String
  ) async throws {
    try await RunningServer.run { server in
      let bytes = output.hasPrefix("\u{0}") ? [0xff, 0xfe] : Array(output.utf8)
      server.cluster.change { $0.report = ActivationReport(result: .success(bytes)) }
      let answer = try await server.send(
        .POST, ["v1", "invoke", "clean"], headers: ["Accept": accept])
      #expect(answer.headers.first(name: "content-type") == type)
      #expect(answer.headers.first(name: "x-content-type-options") == "nosniff")
      #expect(answer.body == bytes)
    }
  }

  @Test(arguments: [
    (ActivationFailure.Code.guestExited, 502), (.guestTrapped, 502), (.startFailed, 502),
    (.memoryLimit, 502), (.outputLimit, 502), (.stackLimit, 502), (.hostCallLimit, 502),
    (.outstandingCallLimit, 502), (.cpuTimeLimit, 504), (.wallTimeLimit, 504),
    (.overloaded, 429), (.unavailable, 503), (.cancelled, 503), (.loopDetected, 409),
    (.eventDamaged, 500), (.internalError, 500),
  ])
  func `a failure is a problem with its details`(_ code: ActivationFailure.Code, _ status: Int)
    async throws
  {
    try await RunningServer.run { server in
      var failure = Samples.failure
      failure.code = code
      failure.exitStatus = 3
      server.cluster.change {
        $0.report = ActivationReport(
          result: .failure(failure), log: Array("oh no".utf8), logTruncated: true)
      }
      let answer = try await server.send(.POST, ["v1", "invoke", "clean"])
      #expect(answer.status == status)
      #expect((answer.headers.first(name: "retry-after") != nil) == (status == 429))
      guard case .failed(let problem) = try await server.client.invoke(Self.clean, data: []) else {
        Issue.record("it did not fail")
        return
      }
      #expect(problem.code == code.rawValue && problem.failure?.failure == failure)
      #expect(problem.failure?.log == "oh no" && problem.failure?.logTruncated == true)
    }
  }

  @Test func `input at the limit is taken, over it refused`() async throws {
    try await RunningServer.run { server in
      let body = [UInt8](repeating: 1, count: EventRules.maximumData.bytes)
      let fits = try await server.send(.POST, ["v1", "invoke", "clean"], body: body)
      #expect(fits.status == 200)
      #expect(server.cluster.read { $0.events[0].data.count } == body.count)
      do throws(Problem) {
        _ = try await server.client.invoke(Self.clean, data: body + [1])
        Issue.record("it was taken")
      } catch {
        #expect(error.category == .tooLarge && error.code == "body_too_large")
      }
    }
  }

  @Test func `a name that is none is refused`() async throws {
    try await RunningServer.run { server in
      for name in ["Clean", "a b", "..", "a/b", "é"] {
        let answer = try await server.send(.POST, ["v1", "invoke", name])
        #expect(answer.status == 400 && answer.problem?.code == "name_invalid", "\(name)")
      }
    }
  }
}
