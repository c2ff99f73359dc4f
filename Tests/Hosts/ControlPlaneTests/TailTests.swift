import ClusterModel
import ControlPlane
import EventRouting
import HostPorts
import Testing

@Suite struct TailTests {
  private func filter(_ text: String) -> TopicFilter { TopicFilter(unchecked: text) }

  /// The next items, however many steps it takes.
  private func take(_ count: Int, _ tail: any EventTail) async throws -> [TailItem] {
    var items: [TailItem] = []
    while items.count < count {
      let more = try await tail.next(patience: .seconds(30))
      guard !more.isEmpty else { return items }
      items += more
    }
    return items
  }

  private func topics(_ items: [TailItem]) -> [String] {
    items.map { item in
      switch item {
      case .event(let logged): logged.event.topic.text
      case .missed(let from, let through): "missed \(from) to \(through)"
      }
    }
  }

  @Test func `200 may follow at the same time, and another when one has gone`() async throws {
    let cluster = try await TestCluster.start()
    let question = TailQuestion(topic: filter("in"))
    var tails: [any EventTail] = []
    for _ in 0..<200 {
      tails.append(try await cluster.plane.tail(question, for: cluster.caller))
    }
    let problem = await #expect(throws: Problem.self) {
      _ = try await cluster.plane.tail(question, for: cluster.caller)
    }
    #expect(problem?.code == "too_many_tails")
    tails.removeLast()
    _ = try await cluster.plane.tail(question, for: cluster.caller)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `events are told in order, those of the topic that match, once each`() async throws {
    let cluster = try await TestCluster.start()
    let before = try await cluster.publish("in/a", "{\"n\": 1}")
    let pattern = try EventPattern(
      .object([
        "data": .object(["n": .array([.object(["numeric": .array([.string(">"), .integer(1)])])])])
      ]))
    let tail = try await cluster.plane.tail(
      TailQuestion(topic: filter("in/+"), pattern: pattern), for: cluster.caller)
    for (topic, data) in [
      ("in/a", "{\"n\": 1}"), ("in/b", "{\"n\": 2}"), ("out", "{\"n\": 3}"), ("in/c", "{\"n\": 4}"),
    ] {
      _ = try await cluster.publish(topic, data)
    }
    #expect(topics(try await take(2, tail)) == ["in/b", "in/c"])
    #expect(try await tail.next(patience: .milliseconds(10)).isEmpty)
    let all = try await cluster.plane.tail(
      TailQuestion(topic: filter("#"), since: before), for: cluster.caller)
    #expect(topics(try await take(5, all)) == ["in/a", "in/a", "in/b", "out", "in/c"])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `many publishers at the same time are followed without a gap`() async throws {
    let cluster = try await TestCluster.start()
    let tail = try await cluster.plane.tail(
      TailQuestion(topic: filter("#")), for: cluster.caller)
    async let items = take(200, tail)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<200 { group.addTask { _ = try await cluster.publish("in") } }
      try await group.waitForAll()
    }
    let offsets = try await items.compactMap { item in
      if case .event(let logged) = item { logged.offset.number } else { nil }
    }
    #expect(offsets == Array(1...200))
    await cluster.stop()
    cluster.remove()
  }

  @Test func `whoever comes too late is told what is no longer kept`() async throws {
    let cluster = try await TestCluster.start(retention: EventRetention(events: 20))
    let slow = try await cluster.plane.tail(
      TailQuestion(topic: filter("#")), for: cluster.caller)
    for _ in 0..<600 { _ = try await cluster.publish("in") }
    let items = try await slow.next(patience: .seconds(30))
    guard case .missed(EventOffset(1), let through)? = items.first,
      case .event(let next)? = items.dropFirst().first
    else {
      Issue.record("the first ones are gone: \(items.prefix(2))")
      return
    }
    #expect(next.offset.number == through.number + 1)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a dead letter is an event, for modules too, and never makes another`() async throws {
    let engine = ScriptedEngine { _ in
      .failure(ActivationFailure(code: .guestTrapped, message: "trap"))
    }
    let cluster = try await TestCluster.start(engine: engine)
    let lifecycle = "$wasmatrix/lifecycle/dead_letter"
    let tail = try await cluster.plane.tail(
      TailQuestion(topic: filter("$wasmatrix/lifecycle/#")), for: cluster.caller)
    try await cluster.deploy("bad", "1", Wat.trap, trigger("in"))
    try await cluster.deploy("worse", "1", Wat.trap, trigger(lifecycle))
    let offset = try await cluster.publish("in")
    _ = try await cluster.settled(offset)
    var seen: [LoggedEvent] = []
    while !seen.contains(where: { $0.event.topic.text == lifecycle }) {
      for case .event(let logged) in try await tail.next(patience: .seconds(30)) {
        seen.append(logged)
      }
    }
    let names = Set(seen.map { String($0.event.topic.text.split(separator: "/")[2]) })
    #expect(names.isSuperset(of: ["module_start", "scale_event", "deployment_changed"]))
    let told = try #require(seen.last { $0.event.topic.text == lifecycle })
    #expect(told.event.subject == "module/default/bad" || told.event.subject == "module/bad")
    #expect(String(decoding: told.event.data, as: UTF8.self).contains("guest_trapped"))
    // The module that is woken by it fails as well, and that is the end of it.
    #expect(try await cluster.settled(told.offset).deliveries.map(\.state) == [.dead])
    _ = try await cluster.publish("marker")
    #expect(try await tail.next(patience: .milliseconds(300)).isEmpty)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `of many that change at once all is told, in the order in which it was decided`()
    async throws
  {
    let cluster = try await TestCluster.start()
    let names = (10..<30).map { "m\($0)" }
    var modules: [ApplicationManifest.Module] = []
    var versions: [ModuleName: ModuleVersion] = [:]
    for name in names {
      _ = try await cluster.push(name, "1", Wat.trap)
      let reference = cluster.reference(name, "1")
      versions[reference.module] = reference.version
      modules.append(
        ApplicationManifest.Module(
          name: reference.module, code: .registered(reference.version),
          configuration: DeploymentConfiguration()))
    }
    let tail = try await cluster.plane.tail(
      TailQuestion(topic: filter("$wasmatrix/lifecycle/+")), for: cluster.caller)
    _ = try await cluster.plane.deploy(
      ApplicationManifest(name: ApplicationName(unchecked: "many"), modules: modules),
      versions: versions, by: cluster.caller, progress: { _ in })
    var seen: [Event] = []
    func told(_ topic: String) -> [String] {
      seen.filter { $0.topic.text.hasSuffix(topic) }.compactMap(\.subject)
    }
    while told("module_start").count < names.count {
      for case .event(let logged) in try await tail.next(patience: .seconds(30)) {
        seen.append(logged.event)
      }
    }
    #expect(told("module_start") == names.map { "module/\($0)" })
    #expect(told("deployment_changed") == names.map { "module/\($0)" })
    let numbers = seen.compactMap { $0.id.split(separator: ".").last.flatMap { Int($0) } }
    #expect(numbers == numbers.sorted() && Set(numbers).count == seen.count)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `a service that is restarted is told of, when there is a control plane again`()
    async throws
  {
    let cluster = try await TestCluster.start()
    let tail = try await cluster.plane.tail(
      TailQuestion(topic: filter("$wasmatrix/lifecycle/supervision_restart")), for: cluster.caller)
    cluster.plane.announce(
      LifecycleNotice(
        .supervisionRestart, id: "1", subject: "service/main/x",
        at: WallInstant(microseconds: 1), payload: ["restarts": .integer(1)]))
    let items = try await take(1, tail)
    #expect(topics(items) == ["$wasmatrix/lifecycle/supervision_restart"])
    await cluster.stop()
    cluster.remove()
  }
}
