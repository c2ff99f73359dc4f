import ClusterModel
import ControlPlane
import HostPorts
import PropertyTesting
import Testing

@Suite struct ReplayTests {
  private func replay(
    _ cluster: TestCluster, _ request: ReplayRequest
  ) async throws -> (events: Int, deliveries: Int, missed: [ReplayedPage.Missed]) {
    var (request, events, deliveries) = (request, 0, 0)
    var missed: [ReplayedPage.Missed] = []
    while true {
      let page = try await cluster.plane.replay(request, by: cluster.caller)
      events += page.events
      deliveries += page.deliveries
      missed += page.missed
      guard let next = page.next else { return (events, deliveries, missed) }
      request.from = .offset(next)
      request.through = .offset(page.through)
    }
  }

  private func from(_ offset: Int64, through: Int64? = nil, to module: String? = nil)
    -> ReplayRequest
  {
    ReplayRequest(
      from: .offset(EventOffset(offset)), through: through.map { .offset(EventOffset($0)) },
      module: module.map { ModuleName(unchecked: $0) })
  }

  @Test func `what is kept is delivered again, to those who want it now`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("old", "1", Wat.trap, trigger("in/+"))
    for number in 1...450 { _ = try await cluster.publish("in/\(number % 2)", "\(number)") }
    try await cluster.deploy("new", "1", Wat.trap, trigger("in/1"))
    let all = try await replay(cluster, from(1))
    #expect(all.events == 450 && all.deliveries == 675 && all.missed.isEmpty)
    let some = try await replay(cluster, from(100, through: 103, to: "new"))
    #expect(some.events == 2 && some.deliveries == 2)
    let status = try await cluster.settled(EventOffset(101))
    #expect(status.deliveries.map(\.module.text) == ["old", "new", "old", "new"])
    #expect(status.deliveries.allSatisfy { $0.state == .succeeded })
    let none = try await replay(cluster, from(451))
    #expect(none.events == 0)
    #expect(
      await problemCode { _ = try await replay(cluster, from(1, to: "nobody")) } == "not_deployed")
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a replay goes on after a restart, and its results are no part of it`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("echo", "1", Wat.echo("e"), trigger("in", result: "in/results"))
    let first = try await cluster.settled(try await cluster.publish("in", "x"))
    let page = try await cluster.plane.replay(from(1), by: cluster.caller)
    #expect(page.events == 1 && page.through == EventOffset(2))
    await cluster.stop()
    let again = try await TestCluster.start(at: cluster.path)
    let status = try await again.settled(first.offset)
    #expect(status.deliveries.map(\.state) == [.succeeded, .succeeded])
    await again.stop()
    again.remove()
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed delivery
  @Test func `any range is delivered again, each event in it once`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in"))
    for number in 1...30 { _ = try await cluster.publish(number % 3 == 0 ? "out" : "in") }
    try await checkProperty(
      "Feature: wasmatrix, Property 11: a replay delivers each wanted event of its range once",
      cases: 100, zip(Generator<Int64>.int(in: 0...32), Generator<Int64>.int(in: 0...32))
    ) { first, last in
      let expected = (1...30).count { $0 % 3 != 0 && first <= $0 && $0 <= last }
      let found = try await replay(cluster, from(first, through: last))
      return found.events == expected && found.deliveries == expected && found.missed.isEmpty
    }
    await cluster.stop()
    cluster.remove()
  }
}
