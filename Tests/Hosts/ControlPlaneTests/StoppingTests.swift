import ClusterModel
import ControlPlane
import HostPorts
import Testing

@Suite struct StoppingTests {
  @Test func `stopping waits for what runs, and takes nothing more in`() async throws {
    let gate = Gate()
    let engine = ScriptedEngine(behind: gate)
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in", concurrency: 1))
    let offsets = [try await cluster.publish("in", "x"), try await cluster.publish("in", "y")]
    await eventually("it runs") { engine.runningNow == 1 }
    let stopping = Task { await cluster.stop(patience: .seconds(60)) }
    await eventually("it is stopping") { await !cluster.plane.isReady }
    #expect(await problemCode { _ = try await cluster.publish("in") } == "stopping")
    #expect(await problemCode { _ = try await cluster.push("m", "2", Wat.trap) } == "stopping")
    gate.open()
    await stopping.value
    #expect(engine.activations.map(\.input) == [Array("x".utf8)], "nothing more is begun")
    let again = try await TestCluster.start(at: cluster.path, engine: engine)
    for offset in offsets {
      #expect(try await again.settled(offset).deliveries.map(\.state) == [.succeeded])
    }
    #expect(
      engine.activations.map(\.input) == [Array("x".utf8), Array("y".utf8)],
      "what was done is not done again")
    await again.stop()
    again.remove()
  }

  @Test func `what does not end in time is ended, and done after the next start`() async throws {
    let engine = ScriptedEngine(behind: Gate())
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in", attempts: 1))
    let offset = try await cluster.publish("in", "x")
    let name = ModuleName(unchecked: "m")
    let invocation = Task {
      try await cluster.plane.invoke(name, with: cluster.event("t"), by: cluster.caller)
    }
    await eventually("both run") { engine.runningNow == 2 }
    await cluster.stop(patience: .milliseconds(1))
    guard case .failure(let failure) = try await invocation.value.result else {
      Issue.record("an invocation that was ended has no result")
      return
    }
    #expect(failure.code == .cancelled)
    let open = Gate()
    open.open()
    let again = try await TestCluster.start(at: cluster.path, engine: ScriptedEngine(behind: open))
    let delivery = try #require(try await again.settled(offset).deliveries.first)
    #expect(delivery.state == .succeeded)
    #expect(delivery.attempts == 1, "being stopped is no attempt")
    await again.stop()
    again.remove()
  }

  @Test func `a deployment under way is answered when the program stops`() async throws {
    let engine = ScriptedEngine(
      preparing: { () async throws(Problem) in
        guard await Gate().pass() else { throw Faults.problem }
      },
      { _ in .success([]) })
    let cluster = try await TestCluster.start(engine: engine)
    var modules: [ApplicationManifest.Module] = []
    // More than are made ready at the same time.
    for number in 1...9 {
      _ = try await cluster.push("m\(number)", "1", Wat.trap)
      modules.append(
        ApplicationManifest.Module(
          name: ModuleName(unchecked: "m\(number)"),
          code: .registered(ModuleVersion(unchecked: "1")),
          configuration: DeploymentConfiguration()))
    }
    let manifest = ApplicationManifest(name: ApplicationName(unchecked: "many"), modules: modules)
    let versions = Dictionary(
      uniqueKeysWithValues: modules.map { ($0.name, ModuleVersion(unchecked: "1")) })
    let begun = Gate()
    let deployment = Task {
      await problemCode {
        _ = try await cluster.plane.deploy(
          manifest, versions: versions, by: cluster.caller, progress: { _ in begun.open() })
      }
    }
    #expect(await begun.pass())
    await cluster.stop(patience: .milliseconds(1))
    let code = await deployment.value
    #expect(code == "disk_full" || code == "stopping")
    cluster.remove()
  }
}
