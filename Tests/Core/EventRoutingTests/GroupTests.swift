import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct GroupTests {
  private static func deployment(
    _ name: String, _ triggers: (filter: String, group: String?)..., isReady: Bool = true
  ) -> RoutedDeployment {
    RoutedDeployment(
      name: QualifiedName(.default, ModuleName(unchecked: name)), generation: 1,
      configuration: DeploymentConfiguration(
        triggers: triggers.map {
          Trigger(
            topic: TopicFilter(unchecked: $0.filter),
            group: $0.group.map { GroupName(unchecked: $0) })
        }, concurrency: 1), isReady: isReady)
  }

  private func router(_ deployments: RoutedDeployment...) -> EventRouter {
    var router = EventRouter()
    _ = handle(&router, .deploymentsChanged(deployments))
    return router
  }

  private func handle(
    _ router: inout EventRouter, _ input: EventRouter.Input
  ) -> [EventRouter.Directive] {
    var random = SeededRandom(seed: 1)
    return router.handle(
      input,
      at: Instants(
        monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0)),
      using: &random)
  }

  private func publish(_ router: inout EventRouter, _ number: UInt64, _ topic: String) -> [String] {
    for case .append(_, let accepted) in handle(
      &router, .eventReceived(RequestID(number), event(topic), data: nil, .local))
    { return accepted.targets.map(\.text) }
    return ["refused"]
  }

  @Test func `of a group the one with the least to do gets an event, then by name`() {
    var router = router(
      Self.deployment("a", ("x", "g")), Self.deployment("b", ("x", "g")),
      Self.deployment("c", ("x", "g"), isReady: false), Self.deployment("all", ("x", nil)))
    // Also while nothing is durable yet, so that a burst is shared.
    for (number, module) in zip(1...4 as ClosedRange<UInt64>, ["a", "b", "a", "b"]) {
      #expect(publish(&router, number, "x") == [module, "all"].sorted())
    }
    _ = handle(
      &router, .appendFailed(RequestID(4), Problem(.unavailable, code: "disk_full", "no room")))
    #expect(publish(&router, 5, "x") == ["all", "b"])
    #expect(router.owedTo.values.reduce(0, +) == router.pendingCount)
  }

  @Test func `who has handled an event already does not get it, nor those that share it with them`()
  {
    var router = router(
      Self.deployment("a", ("x", "g")), Self.deployment("b", ("x", "g")),
      Self.deployment("all", ("x", nil)), Self.deployment("other", ("x", nil)))
    func targets(handledBy names: String...) -> [String] {
      let modules = Set(names.map { ModuleName(unchecked: $0) })
      for case .append(_, let accepted) in handle(
        &router,
        .handledEventReceived(RequestID(1), event("x"), data: nil, .local, by: modules))
      { return accepted.targets.map(\.text) }
      return ["refused"]
    }
    #expect(targets() == ["a", "all", "other"])
    _ = handle(
      &router, .appendFailed(RequestID(1), Problem(.unavailable, code: "disk_full", "no room")))
    #expect(targets(handledBy: "all", "b") == ["other"])
    _ = handle(
      &router, .appendFailed(RequestID(1), Problem(.unavailable, code: "disk_full", "no room")))
    #expect(targets(handledBy: "all", "b", "other", "gone") == [])
    #expect(router.owedTo.values.reduce(0, +) == router.pendingCount)
  }

  @Test func `one that is not ready gets it only when there is no other`() {
    var router = router(
      Self.deployment("a", ("x", "g"), isReady: false), Self.deployment("b", ("x", "g")))
    for number in 1...3 as ClosedRange<UInt64> { #expect(publish(&router, number, "x") == ["b"]) }
    _ = handle(&router, .deploymentsChanged([Self.deployment("a", ("x", "g"), isReady: false)]))
    #expect(publish(&router, 4, "x") == ["a"])
  }

  @Test func `groups are of one topic, and whoever wants it in any case gets it in any case`() {
    var router = router(
      Self.deployment("a", ("x", "g"), ("x/#", nil)), Self.deployment("b", ("x", "g")),
      Self.deployment("c", ("x", "h"), ("y", "g")), Self.deployment("d", ("x", "h")))
    #expect(publish(&router, 1, "x") == ["a", "b", "c"])
    #expect(publish(&router, 2, "x") == ["a", "b", "d"])
    #expect(publish(&router, 3, "y") == ["c"])
  }

  // Feature: wasmatrix, Property 12: For any event load, events are routed to those that want them
  @Test func `every event goes to exactly one of each group, and a burst is shared evenly`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 12: each event goes to one module of a group",
      cases: 200, zip(Generator<Int>.int(in: 1...6), Generator<Int>.int(in: 0...60))
    ) { members, events in
      var router = EventRouter()
      let names = (0..<members).map { "m\($0)" }
      _ = handle(
        &router, .deploymentsChanged(names.map { Self.deployment($0, ("x", "g")) }))
      var counts: [String: Int] = [:]
      for number in 0..<events {
        let targets = publish(&router, UInt64(number), "x")
        guard targets.count == 1 else { return false }
        counts[targets[0], default: 0] += 1
      }
      let all = names.map { counts[$0] ?? 0 }
      return all.reduce(0, +) == events && (all.max() ?? 0) - (all.min() ?? 0) <= 1
    }
  }
}
