import ClusterModel
import ControlPlane
import HostPorts
import ModuleTrust
import Testing

@Suite struct StoreFailureTests {
  @Test func `a result that could not be recorded is recorded later, and the handler runs once`()
    async throws
  {
    let faults = Faults()
    let open = Gate()
    open.open()
    let engine = ScriptedEngine(behind: open)
    let cluster = try await TestCluster.start(engine: engine, faults: faults)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in"))
    faults.fail(.record, times: 3)
    let status = try await cluster.settled(try await cluster.publish("in", "x"))
    #expect(status.deliveries.map(\.output) == [Array("x".utf8)])
    #expect(faults.left(of: .record) == 0)
    #expect(engine.activations.count == 1)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `an event that could not be made durable is refused and not run`() async throws {
    let faults = Faults()
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine, faults: faults)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in"))
    faults.fail(.append, times: 1)
    #expect(await problemCode { _ = try await cluster.publish("in", "lost") } == "disk_full")
    _ = try await cluster.settled(try await cluster.publish("in", "kept"))
    #expect(engine.activations.map(\.input) == [Array("kept".utf8)])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a deployment that could not be made durable leaves the old one running`() async throws
  {
    let faults = Faults()
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine, faults: faults)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in"))
    _ = try await cluster.push("m", "2", Wat.echo("2"))
    faults.fail(.persist, times: 1)
    let manifest = ApplicationManifest(
      name: ApplicationName(unchecked: "m"),
      modules: [
        ApplicationManifest.Module(
          name: ModuleName(unchecked: "m"), code: .registered(ModuleVersion(unchecked: "2")),
          configuration: trigger("in"))
      ])
    let versions = [ModuleName(unchecked: "m"): ModuleVersion(unchecked: "2")]
    #expect(
      await problemCode {
        _ = try await cluster.plane.deploy(
          manifest, versions: versions, by: cluster.caller, progress: { _ in })
      } == "disk_full")
    try await eventually("version 1 serves") { try await cluster.servingVersions == ["1"] }
    _ = try await cluster.settled(try await cluster.publish("in"))
    _ = try await cluster.plane.deploy(
      manifest, versions: versions, by: cluster.caller, progress: { _ in })
    try await eventually("version 2 serves") { try await cluster.servingVersions == ["2"] }
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a refusal that cannot be put on record is not acknowledged as one`() async throws {
    let faults = Faults()
    let cluster = try await TestCluster.start(
      engine: ScriptedEngine { .success($0.input) }, faults: faults)
    _ = try await cluster.push("m", "1", Wat.trap)
    faults.fail(.persist, times: 1)
    #expect(
      await problemCode { _ = try await cluster.push("m", "1", Wat.echo("b")) } == "disk_full")
    #expect(
      await problemCode { _ = try await cluster.push("m", "1", Wat.echo("b")) } == "version_exists")
    let events = try await cluster.plane.securityEvents(from: 0, limit: 100, for: cluster.caller)
    #expect(events.last?.event.kind == .moduleRefused)
    #expect(events.last?.event.subject == "m@1")
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a broken part is a finding, and does not keep the others from being seen`()
    async throws
  {
    let faults = Faults()
    let cluster = try await TestCluster.start(
      engine: ScriptedEngine { .success($0.input) }, faults: faults)
    try await cluster.deploy("m", "1", Wat.trap, trigger("in"))
    let well = try await cluster.plane.diagnose(for: cluster.caller)
    #expect(
      well.map(\.subject) == ["catalog", "event log", "node local", "events", "deployment m"])
    #expect(well.allSatisfy { $0.verdict == .ok })
    faults.fail(.deadLetters, times: 1)
    let ill = try await cluster.plane.diagnose(for: cluster.caller)
    #expect(ill.map(\.verdict) == [.ok, .failure, .ok, .ok, .ok])
    _ = try await cluster.plane.revokeKey(cluster.signer.publicKey.id, by: cluster.caller)
    let untrusted = try await cluster.plane.diagnose(for: cluster.caller)
    #expect(untrusted.map(\.verdict) == [.warning, .ok, .ok, .ok, .failure])
    await cluster.stop()
    cluster.remove()
  }
}
