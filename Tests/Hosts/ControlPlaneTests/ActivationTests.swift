import ClusterModel
import ControlPlane
import HostPorts
import Testing

/// What a guest is given, and how many run.
@Suite struct ActivationTests {
  private func variables(_ activation: Activation) -> [String: String] {
    Dictionary(uniqueKeysWithValues: activation.environment.map { ($0.name, $0.value) })
  }

  @Test func `a guest finds its event, its module and its trace`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    var configuration = trigger("in")
    configuration.arguments = ["--strict"]
    configuration.environment = [EnvironmentVariable(name: "MODE", value: "fast")]
    configuration.limits.wallTime = .seconds(7)
    try await cluster.deploy("m", "1", Wat.trap, configuration)
    let trace = String(repeating: "a1", count: 16)
    let event = Event(
      id: "e-1", source: "/s", type: "t", topic: Topic(unchecked: "in"), subject: "what",
      time: WallInstant(microseconds: 0), dataContentType: "text/plain", dataSchema: "/schema",
      extensions: [
        Event.Attribute(name: "zone", value: "north"),
        Event.Attribute(name: "traceparent", value: "00-\(trace)-00000000000000b2-01"),
        Event.Attribute(name: "tracestate", value: "v=1"),
      ], data: [1, 2, 3])
    _ = try await cluster.settled(
      try await cluster.plane.publish(event, by: cluster.caller).offset)
    let activation = try #require(engine.activations.first)
    #expect(activation.arguments == ["m", "--strict"])
    #expect(activation.input == [1, 2, 3])
    #expect(activation.limits == configuration.limits)
    var found = variables(activation)
    let given = found.removeValue(forKey: "TRACEPARENT")
    let parent = try #require(given)
    #expect(parent.hasPrefix("00-\(trace)-") && parent.hasSuffix("-01"))
    #expect(!parent.contains("00000000000000b2"), "a span of its own")
    #expect(
      found == [
        "MODE": "fast", "CE_SPECVERSION": "1.0", "CE_ID": "e-1", "CE_SOURCE": "/s", "CE_TYPE": "t",
        "CE_TOPIC": "in", "CE_SUBJECT": "what", "CE_TIME": "1970-01-01T00:00:00.000000Z",
        "CE_DATACONTENTTYPE": "text/plain", "CE_DATASCHEMA": "/schema", "CE_ZONE": "north",
        "TRACESTATE": "v=1", "WASMATRIX_NAMESPACE": "default", "WASMATRIX_MODULE": "m",
        "WASMATRIX_VERSION": "1", "WASMATRIX_NODE": "local", "WASMATRIX_ATTEMPT": "1",
      ])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a malformed trace is begun anew, and its state dropped`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in"))
    for given in [
      "00-\(String(repeating: "0", count: 32))-00000000000000b2-01", "nonsense", "00--",
    ] {
      var event = cluster.event("in")
      event.setAttribute("traceparent", to: given)
      event.setAttribute("tracestate", to: "v=1")
      _ = try await cluster.settled(
        try await cluster.plane.publish(event, by: cluster.caller).offset)
      let found = variables(try #require(engine.activations.last))
      let parts = try #require(found["TRACEPARENT"]).split(separator: "-")
      #expect(parts.map(\.count) == [2, 32, 16, 2])
      #expect(found["TRACESTATE"] == nil)
    }
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a retried event says which attempt it is`() async throws {
    let engine = ScriptedEngine { _ in
      .failure(ActivationFailure(code: .guestTrapped, message: "trap"))
    }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in", attempts: 3))
    _ = try await cluster.settled(try await cluster.publish("in"))
    #expect(engine.activations.map { variables($0)["WASMATRIX_ATTEMPT"] } == ["1", "2", "3"])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `no more of a module run at the same time than it allows`() async throws {
    let gate = Gate()
    let engine = ScriptedEngine(behind: gate)
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in", concurrency: 3))
    var offsets: [EventOffset] = []
    for number in 0..<20 { offsets.append(try await cluster.publish("in", "\(number)")) }
    await eventually("three run") { engine.runningNow == 3 }
    let waiting = try await cluster.plane.eventStatus(
      offsets[19], patience: .milliseconds(1), for: cluster.caller)
    #expect(waiting.deliveries.map(\.state) == [.pending], "patience ends before the event settles")
    gate.open()
    for offset in offsets {
      #expect(try await cluster.settled(offset).deliveries.map(\.state) == [.succeeded])
    }
    #expect(engine.mostRunning == 3)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `what waits goes on with the new version when a module is redeployed`() async throws {
    let gate = Gate()
    let engine = ScriptedEngine(behind: gate)
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in", concurrency: 1))
    let offsets = [try await cluster.publish("in"), try await cluster.publish("in")]
    await eventually("one runs") { engine.runningNow == 1 }
    try await cluster.deploy("m", "2", Wat.echo("2"), trigger("in", concurrency: 1))
    gate.open()
    for offset in offsets {
      #expect(try await cluster.settled(offset).deliveries.map(\.state) == [.succeeded])
    }
    #expect(engine.activations.map { variables($0)["WASMATRIX_VERSION"] } == ["1", "2"])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `what waits for a module that is undeployed becomes a dead letter`() async throws {
    let gate = Gate()
    let engine = ScriptedEngine(behind: gate)
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in", concurrency: 1))
    let offsets = [try await cluster.publish("in"), try await cluster.publish("in")]
    await eventually("one runs") { engine.runningNow == 1 }
    _ = try await cluster.plane.undeploy(
      .module(ModuleName(unchecked: "m")), by: cluster.caller)
    let waiting = try #require(try await cluster.settled(offsets[1]).deliveries.first)
    #expect(waiting.state == .dead)
    #expect(waiting.failure?.code == .unavailable)
    gate.open()
    #expect(try await cluster.settled(offsets[0]).deliveries.map(\.state) == [.succeeded])
    await cluster.stop()
    cluster.remove()
  }
}
