import ClusterModel
import ControlPlane
import HostPorts
import ModuleTrust
import PropertyTesting
import Testing

@Suite struct ControlPlaneTests {
  @Test func `a signed module answers an event, and its result goes on`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("first", "1", Wat.echo("1"), trigger("in/+", result: "mid"))
    try await cluster.deploy("second", "1", Wat.echo("2"), trigger("mid"))
    let first = try await cluster.settled(try await cluster.publish("in/x", "hello"))
    #expect(first.deliveries.map(\.output) == [Array("1hello".utf8)])
    // The result is the next event.
    let second = try await cluster.settled(EventOffset(first.offset.number + 1))
    #expect(second.event.data == Array("1hello".utf8))
    #expect(second.event.attribute("wmcause") == first.event.id)
    #expect(second.deliveries.map(\.output) == [Array("21hello".utf8)])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a failing handler is retried and put aside, replayed and dropped`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("bad", "1", Wat.complain, trigger("in"))
    let offset = try await cluster.publish("in")
    let status = try await cluster.settled(offset)
    #expect(status.deliveries.map(\.state) == [.dead])
    #expect(status.deliveries.map(\.attempts) == [2])
    #expect(status.deliveries.first?.failure?.exitStatus == 3)
    let letters = try await cluster.plane.deadLetters(
      from: DeliveryID(0), limit: 10, for: cluster.caller)
    #expect(letters.map(\.history.count) == [2])
    let id = try #require(letters.first).id
    try await cluster.plane.replayDeadLetter(id, by: cluster.caller)
    #expect(try await cluster.settled(offset).deliveries.map(\.state) == [.dead])
    try await cluster.plane.dropDeadLetter(id, by: cluster.caller)
    #expect(try await cluster.settled(offset).deliveries.map(\.state) == [.dropped])
    var lines = 0
    let logs = try await cluster.plane.logs(
      of: ModuleName(unchecked: "bad"), follow: false, for: cluster.caller)
    for await line in logs {
      #expect(line.text == "it hurts")
      lines += 1
    }
    #expect(lines == 4)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `what was deployed and owed goes on after a restart`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("echo", "1", Wat.echo("e"), trigger("in"))
    let offset = try await cluster.publish("in", "again")
    await cluster.stop()
    let again = try await TestCluster.start(at: cluster.path)
    #expect(try await again.settled(offset).deliveries.map(\.output) == [Array("eagain".utf8)])
    await again.stop()
    again.remove()
  }

  @Test func `what is not signed by a trusted key is refused and on record`() async throws {
    let cluster = try await TestCluster.start()
    let before = try await cluster.plane.securityEvents(from: 0, limit: 100, for: cluster.caller)
    let unsigned = try wasm(Wat.echo("u"))
    let reference = cluster.reference("m", "1")
    #expect(
      await problemCode {
        _ = try await cluster.plane.push(
          unsigned, detachedSignature: nil, as: reference, by: cluster.caller)
      } == "signature_missing")
    var tampered = try cluster.signer.embeddingSignature(in: unsigned)
    tampered[tampered.count - 1] ^= 1
    #expect(
      await problemCode {
        _ = try await cluster.plane.push(
          tampered, detachedSignature: nil, as: reference, by: cluster.caller)
      } == "signature_invalid")
    let events = try await cluster.plane.securityEvents(
      from: Int64(before.count), limit: 100, for: cluster.caller)
    #expect(events.map(\.event.reason) == ["signature_missing", "signature_invalid"])
    #expect(events.map(\.sequence) == [Int64(before.count), Int64(before.count) + 1])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a version never changes, and pushing it again is fine`() async throws {
    let cluster = try await TestCluster.start()
    #expect(try await cluster.push("m", "1", Wat.echo("a")).existed == false)
    #expect(try await cluster.push("m", "1", Wat.echo("a")).existed == true)
    #expect(
      await problemCode { _ = try await cluster.push("m", "1", Wat.echo("b")) } == "version_exists")
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a deployment that cannot run changes nothing`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("m", "1", Wat.echo("1"), trigger("in"))
    let broken = "(module (import \"env\" \"x\" (func)) (func (export \"_start\")))"
    #expect(
      await problemCode { try await cluster.deploy("m", "2", broken, trigger("in")) }
        == "import_unknown")
    let offset = try await cluster.publish("in", "!")
    #expect(try await cluster.settled(offset).deliveries.map(\.output) == [Array("1!".utf8)])
    try await cluster.deploy("m", "3", Wat.echo("3"), trigger("in"))
    let report = try await cluster.plane.invoke(
      ModuleName(unchecked: "m"), with: cluster.event("in", "!"), by: cluster.caller)
    #expect(try report.result.get() == Array("3!".utf8))
    await cluster.stop()
    cluster.remove()
  }

  @Test func `what a revoked key signed runs no more, also after a restart`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("m", "1", Wat.echo("1"), trigger("in"))
    _ = try await cluster.plane.revokeKey(cluster.signer.publicKey.id, by: cluster.caller)
    let name = ModuleName(unchecked: "m")
    let event = cluster.event("in")
    #expect(
      await problemCode {
        _ = try await cluster.plane.invoke(name, with: event, by: cluster.caller)
      }
        == "key_revoked")
    #expect(
      await problemCode { _ = try await cluster.push("m", "2", Wat.echo("2")) } == "key_revoked")
    await cluster.stop()
    cluster.remove()
  }

  @Test func `an undeployed application is gone`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("m", "1", Wat.echo("1"), trigger("in"))
    let name = ApplicationName(unchecked: "m")
    #expect(
      try await cluster.plane.undeploy(.application(name), by: cluster.caller).map(\.text) == ["m"])
    #expect(
      await problemCode {
        _ = try await cluster.plane.undeploy(.application(name), by: cluster.caller)
      }
        == "not_deployed")
    try await eventually("the node holds nothing") {
      try await cluster.plane.placements(for: cluster.caller).items.isEmpty
    }
    await cluster.stop()
    cluster.remove()
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed
  // delivery, and modules are spawned on demand rather than kept
  @Test func `any batch of events reaches every module that wants it exactly once`() async throws {
    let cluster = try await TestCluster.start()
    try await cluster.deploy("all", "1", Wat.echo("a"), trigger("t/#"))
    try await cluster.deploy("one", "1", Wat.echo("o"), trigger("t/one", concurrency: 1))
    let payloads = Generator<String>.string(of: "abc", count: 0...8)
    let batches = zip(payloads, Generator<Bool>.bool).array(count: 0...20)
    try await checkProperty(
      "Feature: wasmatrix, Property 11: events reach exactly the modules that want them",
      cases: 100, batches
    ) { batch in
      var offsets: [EventOffset] = []
      for (data, isOne) in batch {
        offsets.append(try await cluster.publish(isOne ? "t/one" : "t/other", data))
      }
      for (offset, (data, isOne)) in zip(offsets, batch) {
        let outputs = try await cluster.settled(offset).deliveries.map(\.output)
        let expected = isOne ? ["a" + data, "o" + data] : ["a" + data]
        guard outputs == expected.map({ Array($0.utf8) }) else { return false }
      }
      return true
    }
    await cluster.stop()
    cluster.remove()
  }
}
