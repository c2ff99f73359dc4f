import ClusterModel
import Supervision
import SupervisionRuntime
import Testing

@Suite struct SupervisorRunnerTests {
  private let stage = Stage()

  /// Restarts without limit or wait.
  private func specification(
    _ strategy: SupervisionStrategy, intensity: Int = 1000, _ children: [ChildSpecification]
  ) -> SupervisorSpecification {
    SupervisorSpecification(
      strategy: strategy, intensity: RestartIntensity(restarts: intensity, window: .seconds(600)),
      backOff: .none, children: children)
  }

  /// Runs a supervisor while a test looks at it, then stops it.
  private func with(
    _ specification: SupervisorSpecification,
    _ body: (SupervisorRunner) async throws -> Void
  ) async throws {
    let runner = SupervisorRunner(name: "main", specification, stage.environment())
    let task = Task { try await runner.run() }
    do {
      try await until("all run") { await runner.status().state == .running }
      try await body(runner)
    } catch {
      task.cancel()
      throw error
    }
    await runner.stop()
    try await task.value
    #expect(stage.living == [])
  }

  @Test func `services start in order and stop in reverse order`() async throws {
    try await with(specification(.oneForOne, ["a", "b", "c"].map { stage.child($0) })) { runner in
      #expect(
        stage.lines == ["start a", "ready a", "start b", "ready b", "start c", "ready c"])
      stage.forgetLines()
    }
    #expect(stage.lines == ["end c", "end b", "end a"])
  }

  // Feature: wasmatrix, Property 9: For any Wasm process crash or system failure, the Supervisor
  // should restart processes immediately using configured strategies
  @Test(arguments: [
    (SupervisionStrategy.oneForOne, ["end b", "start b", "ready b"]),
    (
      .oneForAll,
      [
        "end b", "end c", "end a", "start a", "ready a", "start b", "ready b", "start c",
        "ready c",
      ]
    ),
    (.restForOne, ["end b", "end c", "start b", "ready b", "start c", "ready c"]),
  ])
  func `a service that throws is started again, with its group`(
    _ strategy: SupervisionStrategy, _ expected: [String]
  ) async throws {
    try await with(specification(strategy, ["a", "b", "c"].map { stage.child($0) })) { runner in
      stage.forgetLines()
      stage.cue("b", .fail)
      try await until("b is back") { stage.lines.count == expected.count }
      #expect(stage.lines == expected)
      try await until("the runner knows") { await runner.status()["b"]?.state == .running }
      let status = await runner.status()
      #expect(status["b"]?.restarts == 1)
      #expect(status["b"]?.lastExit == "failed: Broken()")
      #expect(status.totalRestarts == 1)
    }
  }

  @Test func `whether a service comes back after a normal end depends on its type`() async throws {
    let types: [(ChildID, RestartType)] = [
      ("permanent", .permanent), ("temporary", .temporary), ("transient", .transient),
    ]
    let children = types.map { stage.child($0, restart: $1) }
    try await with(specification(.oneForOne, children)) { runner in
      for (name, _) in types { stage.cue(name.text, .end) }
      try await until("all are dealt with") {
        let status = await runner.status()
        return status["permanent"]?.starts == 2 && status["permanent"]?.state == .running
          && status["temporary"] == nil && status["transient"]?.state == .ended
      }
      #expect(stage.living == ["permanent"])
    }
  }

  @Test func `a service that cannot start at first fails the supervisor, which leaves nothing`()
    async throws
  {
    stage.set("b", isUnwilling: true)
    let runner = SupervisorRunner(
      name: "main", specification(.oneForOne, ["a", "b", "c"].map { stage.child($0) }),
      stage.environment())
    await #expect(
      throws: SupervisionFailure(path: "main", exit: .startFailed("b", reason: "Broken()"))
    ) { try await runner.run() }
    #expect(stage.lines == ["start a", "ready a", "start b", "end a"])
  }

  @Test func `a supervisor that gives up is a failure for the one above, which starts it afresh`()
    async throws
  {
    let inner = specification(.oneForOne, intensity: 1, [stage.child("x"), stage.child("y")])
    let children = [stage.child("a"), ChildSpecification("inner", supervisor: inner)]
    try await with(specification(.oneForOne, children)) { runner in
      stage.cue("x", .fail)
      try await until("x is back") { await runner.status()["inner/x"]?.starts == 2 }
      try await until("x lives") { stage.living.contains("x") }
      stage.forgetLines()
      stage.cue("x", .fail)
      try await until("all is back") {
        let status = await runner.status()
        return status["inner"]?.starts == 2 && status["inner"]?.state == .running
      }
      #expect(
        stage.lines == ["end x", "end y", "start x", "ready x", "start y", "ready y"])
      let status = await runner.status()
      #expect(status["inner"]?.restarts == 1)
      // Everything beneath it is new.
      #expect(status["inner/x"]?.starts == 1)
      #expect(
        status["inner"]?.lastExit
          == "failed: main/inner/x had to be restarted too often; last it failed: Broken()")
      #expect(status["a"]?.starts == 1)
    }
  }

  @Test func `a failure that nothing helps against climbs to the top, and leaves nothing`()
    async throws
  {
    let inner = specification(.oneForOne, intensity: 2, [stage.child("x"), stage.child("y")])
    let middle = specification(
      .oneForAll, intensity: 1, [stage.child("b"), ChildSpecification("inner", supervisor: inner)])
    let outer = specification(
      .restForOne, intensity: 1,
      [stage.child("a"), ChildSpecification("middle", supervisor: middle)])
    let runner = SupervisorRunner(name: "main", outer, stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    let breaker = Task { [stage] in
      while !Task.isCancelled {
        stage.cue("x", .fail)
        await Task.yield()
      }
    }
    await #expect {
      try await task.value
    } throws: { error in
      (error as? SupervisionFailure)?.path == "main"
    }
    breaker.cancel()
    #expect(stage.living == [])
    let escalations = stage.events.filter { event in
      if case .escalated = event { true } else { false }
    }
    // Twice middle, in each of them twice inner; then main.
    #expect(escalations.count == 4 + 2 + 1)
  }

  @Test func `a tree is cancelled like any task`() async throws {
    let inner = specification(.oneForOne, [stage.child("x"), stage.child("y")])
    let runner = SupervisorRunner(
      name: "main",
      specification(
        .oneForOne, [stage.child("a"), ChildSpecification("inner", supervisor: inner)]),
      stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    stage.forgetLines()
    task.cancel()
    try await task.value
    #expect(stage.lines == ["end y", "end x", "end a"])
    await runner.stop()
    #expect(await runner.status().state == .ended)
  }

  @Test func `a supervisor that is stopped before it runs runs nothing`() async throws {
    let runner = SupervisorRunner(
      name: "main", specification(.oneForOne, [stage.child("a")]), stage.environment())
    await runner.stop()
    try await runner.run()
    #expect(stage.lines == [])
  }
}
