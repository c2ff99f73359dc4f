import ClusterModel
import ControlPlane
import ControlPlaneLogic
import HostPorts
import PropertyTesting
import Supervision
import SupervisionRuntime
import Testing

@Suite struct SupervisedControlPlaneTests {
  private static let paths =
    ControlPlaneTree.Service.allCases.map(\.rawValue) + ["node/engine", "node/agent"]

  /// What is killed, and how many events come before each kill and after the last.
  private static let drills = zip(
    Generator<String>.element(of: paths).array(count: 1...3), Generator<Int>.int(in: 1...8))

  private struct Lost: Error, CustomStringConvertible { let description: String }

  /// Publishes until it is accepted: whoever hears that nobody knows asks again, with the same event.
  private static func publish(_ event: Event, on cluster: TestCluster) async throws -> EventOffset {
    while true {
      do throws(Problem) {
        return try await cluster.plane.publish(event, by: cluster.caller).offset
      } catch {
        guard error.category == .unavailable else { throw error }
      }
      await Task.yield()
    }
  }

  // Feature: wasmatrix, Property 9: For any Wasm process crash or system failure, the Supervisor should
  // restart processes immediately using configured strategies, and maintain fault tolerance metrics
  @Test func `whichever services are killed, what was accepted is done and all services are back`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 9: any service of the tree may be killed under load",
      Self.drills
    ) { kills, count in
      let engine = ScriptedEngine { .success($0.input) }
      let cluster = try await TestCluster.start(engine: engine)
      try await cluster.deploy("m", "1", Wat.trap, trigger("in", attempts: 1))
      var accepted: [EventOffset] = []
      for path in kills + [nil] {
        for _ in 0..<count {
          accepted.append(try await Self.publish(cluster.event("in", "x"), on: cluster))
        }
        guard let path else { continue }
        // It may be down because of the kill before this one.
        await eventually("\(path) can be killed") {
          await problemCode { try await cluster.main.kill(path: "main/\(path)") } == nil
        }
      }
      for offset in accepted {
        let deliveries = try await cluster.settled(offset).deliveries
        guard deliveries.map(\.state) == [.succeeded] else {
          throw Lost(description: "event \(offset): \(deliveries)")
        }
      }
      await eventually("all services run") {
        await cluster.main.status().services.allSatisfy { $0.state == .running }
      }
      let restarts = await cluster.main.status().totalRestarts
      await cluster.stop()
      cluster.remove()
      // One that is ending already cannot be killed a second time.
      guard (1...kills.count).contains(restarts) else {
        throw Lost(description: "\(kills.count) kills, \(restarts) restarts")
      }
      return true
    }
  }

  @Test func `a delivery that is ended with the router is no attempt, and is run again`()
    async throws
  {
    let engine = ScriptedEngine(behind: Gate())
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in", attempts: 1))
    let offset = try await cluster.publish("in", "x")
    await eventually("it runs") { engine.runningNow == 1 }
    try await cluster.main.kill(path: "main/events/router")
    await eventually("it runs again") { engine.activations.count == 2 }
    #expect(engine.runningNow == 1, "the first run was ended")
    let status = try await cluster.plane.eventStatus(
      offset, patience: .zero, for: cluster.caller)
    #expect(status.deliveries.map(\.attempts) == [0])
    await cluster.stop(patience: .zero)
    cluster.remove()
  }

  @Test func `callers hear the truth when the balancer is killed`() async throws {
    let engine = ScriptedEngine(behind: Gate())
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap)
    let invocation = Task {
      await problemCode {
        _ = try await cluster.plane.invoke(
          ModuleName(unchecked: "m"), with: cluster.event("t"), by: cluster.caller)
      }
    }
    await eventually("it runs") { engine.runningNow == 1 }
    try await cluster.main.kill(path: "main/scheduling/balancer")
    #expect(await invocation.value == "outcome_unknown")
    #expect(engine.runningNow == 0)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `an invocation goes on while the scheduler is restarted`() async throws {
    let gate = Gate()
    let engine = ScriptedEngine(behind: gate)
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap)
    let invocation = Task {
      try await cluster.plane.invoke(
        ModuleName(unchecked: "m"), with: cluster.event("t", "x"), by: cluster.caller)
    }
    await eventually("it runs") { engine.runningNow == 1 }
    try await cluster.main.kill(path: "main/scheduling/scheduler")
    await eventually("it is back") {
      await cluster.main.status()["scheduling/scheduler"]?.restarts == 1
    }
    gate.open()
    #expect(try await invocation.value.result.get() == Array("x".utf8))
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a caller's time is over also when the scheduler was restarted meanwhile`()
    async throws
  {
    let engine = ScriptedEngine(behind: Gate())
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap)
    let invocation = Task {
      await problemCode {
        _ = try await cluster.plane.invoke(
          ModuleName(unchecked: "m"), with: cluster.event("t"),
          InvocationOptions(timeout: .seconds(1)), by: cluster.caller)
      }
    }
    await eventually("it runs") { engine.runningNow == 1 }
    try await cluster.main.kill(path: "main/scheduling/scheduler")
    #expect(await invocation.value == "timeout")
    await eventually("it is ended") { engine.runningNow == 0 }
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a scheduler that was restarted has a higher term and adopts what runs`() async throws
  {
    let preparations = Gate()
    preparations.open()
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in"))
    let since = try await cluster.plane.placements(for: cluster.caller).items.map(\.readySince)
    try await cluster.main.kill(path: "main/scheduling/scheduler")
    _ = try await cluster.settled(try await Self.publish(cluster.event("in"), on: cluster))
    let later = try await cluster.plane.placements(for: cluster.caller).items.map(\.readySince)
    #expect(later == since)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a store that cannot be opened again and again ends the whole tree`() async throws {
    let faults = Faults()
    let cluster = try await TestCluster.start(
      engine: ScriptedEngine { .success($0.input) }, faults: faults)
    faults.fail(.openCatalog, times: .max)
    try await cluster.main.kill(path: "main/modules/registry")
    await eventually("everything has ended") { await cluster.main.status().state == .ended }
    await cluster.stop()
    cluster.remove()
  }
}

extension SupervisionStatus {
  /// The services beneath it.
  fileprivate var services: [SupervisionStatus] {
    children.isEmpty && kind == .worker ? [self] : children.flatMap(\.services)
  }
}
