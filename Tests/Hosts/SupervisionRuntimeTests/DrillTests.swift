import ClusterModel
import Foundation
import Supervision
import SupervisionRuntime
import Testing

@Suite struct DrillTests {
  private let stage = Stage()

  private func specification(_ children: [ChildSpecification]) -> SupervisorSpecification {
    SupervisorSpecification(
      intensity: RestartIntensity(restarts: 1000, window: .seconds(600)), backOff: .none,
      children: children)
  }

  @Test func `any child can be killed by its path and comes back`() async throws {
    let tree = specification([
      stage.child("a"),
      ChildSpecification("events", supervisor: specification([stage.child("router")])),
    ])
    let runner = SupervisorRunner(name: "main", tree, stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    for path in ["a", "events/router", "events"] {
      try await runner.kill(path: "main/\(path)")
      // Whoever asked may wait for it to run again, and does not see what ran before.
      let status = await runner.status()
      #expect(status[path]?.state != .running || status[path]?.restarts == 1)
      try await until("\(path) is back") {
        let status = await runner.status()
        return status[path]?.restarts == 1 && status[path]?.state == .running
      }
      #expect(await runner.status()[path]?.lastExit == "failed: killed")
    }
    #expect(!stage.lines.contains { $0.hasSuffix("twice") })
    await runner.stop()
    try await task.value
    #expect(stage.living == [])
  }

  @Test func `a restart in order does not count as a failure`() async throws {
    let runner = SupervisorRunner(
      name: "main", specification([stage.child("a"), stage.child("b")]), stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    try await runner.restart(path: "main/a")
    try await until("a is back") {
      let status = await runner.status()
      return status["a"]?.starts == 2 && status["a"]?.state == .running
    }
    let status = await runner.status()
    #expect(status["a"]?.restarts == 0)
    #expect(status["a"]?.lastExit == "stopped")
    #expect(status["b"]?.starts == 1)
    await runner.stop()
    try await task.value
  }

  @Test(arguments: ["", "main", "other/a", "main/x", "main/a/x", "main//a", "/main/a", "main/a/"])
  func `a path that leads nowhere is refused`(_ path: String) async throws {
    let runner = SupervisorRunner(
      name: "main", specification([stage.child("a")]), stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    await #expect(throws: Problem.self) { try await runner.kill(path: path) }
    #expect(stage.living == ["a"])
    await runner.stop()
    try await task.value
  }

  @Test func `a service that has ended cannot be killed any more`() async throws {
    let runner = SupervisorRunner(
      name: "main", specification([stage.child("a", restart: .transient)]), stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    stage.cue("a", .end)
    try await until("it has ended") { await runner.status()["a"]?.state == .ended }
    await #expect(throws: Problem.self) { try await runner.kill(path: "main/a") }
    await runner.stop()
    try await task.value
  }

  @Test(arguments: [ShutdownPolicy.within(.milliseconds(1)), .brutalKill])
  func `a service that ignores its time-out is reported as stuck, once`(
    _ shutdown: ShutdownPolicy
  ) async throws {
    stage.set("a", isStubborn: true)
    let inner = specification([stage.child("a", shutdown: shutdown)])
    let runner = SupervisorRunner(
      name: "main", specification([ChildSpecification("inner", supervisor: inner)]),
      stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    task.cancel()
    try await until("it is stuck") { !stage.stuck.isEmpty }
    // Here the process lives on, and the supervisor still waits.
    #expect(await runner.status()["inner/a"]?.state == .stopping)
    stage.set("a", isStubborn: false)
    try await task.value
    #expect(stage.stuck == ["main/inner/a"])
    #expect(stage.living == [])
  }

  @Test func `by default a stuck service ends the process with the status that is documented`()
    async
  {
    await #expect(processExitsWith: .exitCode(71)) {
      let stage = Stage()
      stage.set("a", isStubborn: true)
      var environment = stage.environment()
      environment.onStuck = SupervisionEnvironment.endProcess
      let runner = SupervisorRunner(
        name: "main",
        SupervisorSpecification(
          children: [stage.child("a", shutdown: .within(.milliseconds(1)))]), environment)
      let task = Task { try await runner.run() }
      try await until("all run") { await runner.status().state == .running }
      task.cancel()
      try await task.value
    }
  }

  @Test func `a killed service that does not heed it is stuck too`() async throws {
    stage.set("a", isStubborn: true)
    let runner = SupervisorRunner(
      name: "main", specification([stage.child("a", shutdown: .within(.milliseconds(1)))]),
      stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    try await runner.kill(path: "main/a")
    try await until("it is stuck") { stage.stuck == ["main/a"] }
    // That it does not heed the stop either is no news.
    task.cancel()
    try await until("its time has run out") {
      stage.events.contains(.shutdownTimedOut(ChildIncarnation("a", 1)))
    }
    #expect(await runner.status()["a"]?.state == .stopping)
    #expect(stage.stuck == ["main/a"])
    stage.set("a", isStubborn: false)
    try await task.value
    #expect(stage.living == [])
  }

  @Test func `a service that was killed and did not heed it comes back when it does`() async throws
  {
    stage.set("a", isStubborn: true)
    let runner = SupervisorRunner(
      name: "main", specification([stage.child("a", shutdown: .within(.milliseconds(1)))]),
      stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    try await runner.kill(path: "main/a")
    try await until("it is stuck") { stage.stuck == ["main/a"] }
    stage.set("a", isStubborn: false)
    try await until("it is back") { await runner.status()["a"]?.starts == 2 }
    await runner.stop()
    try await task.value
  }

  @Test func `a service that throws its cancellation has stopped in order`() async throws {
    let runner = SupervisorRunner(
      name: "main",
      specification([
        ChildSpecification("a") {
          ServiceFunction { ready in
            ready()
            try await Task.sleep(for: .seconds(3600))
          }
        }
      ]), stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    await runner.stop()
    try await task.value
    #expect(stage.events.last == .childStopped(ChildIncarnation("a", 1), .shutdown))
  }

  @Test func `an alarm that rings too early is set again`() async throws {
    var environment = stage.environment()
    environment.clock = SlowClock()
    let runner = SupervisorRunner(
      name: "main",
      SupervisorSpecification(
        intensity: RestartIntensity(restarts: 1000, window: .seconds(600)),
        backOff: RestartBackOff(
          immediate: 0, initial: .milliseconds(5), maximum: .milliseconds(5)),
        children: [stage.child("a")]), environment)
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    stage.cue("a", .fail)
    try await until("it is back") { await runner.status()["a"]?.starts == 2 }
    await runner.stop()
    try await task.value
  }

  @Test func `a back-off and its end need nobody to look`() async throws {
    let children = [stage.child("a")]
    let runner = SupervisorRunner(
      name: "main",
      SupervisorSpecification(
        intensity: RestartIntensity(restarts: 1000, window: .seconds(600)),
        backOff: RestartBackOff(
          immediate: 0, initial: .milliseconds(2), maximum: .milliseconds(2)),
        children: children), stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    for restart in 1...20 {
      try await until("it serves") { stage.living == ["a"] }
      stage.cue("a", .fail)
      try await until("it is back") {
        let status = await runner.status()["a"]
        return status?.starts == restart + 1 && status?.state == .running
      }
    }
    await runner.stop()
    try await task.value
  }

  @Test func `the status is the same after a way through JSON`() async throws {
    let tree = specification([
      stage.child("a"),
      ChildSpecification("events", supervisor: specification([stage.child("router")])),
    ])
    let runner = SupervisorRunner(name: "main", tree, stage.environment())
    let task = Task { try await runner.run() }
    try await until("all run") { await runner.status().state == .running }
    let status = await runner.status()
    let data = try JSONEncoder().encode(status)
    #expect(try JSONDecoder().decode(SupervisionStatus.self, from: data) == status)
    #expect(status.children.map(\.name) == ["a", "events"])
    #expect(status["events/router"]?.kind == .worker)
    #expect(status["events"]?.strategy == .oneForOne)
    await runner.stop()
    try await task.value
  }

  @Test func `services and supervisors are released when all has ended`() async throws {
    final class Resource: Sendable {}
    weak var resource: Resource?
    weak var runner: SupervisorRunner?
    do {
      let held = Resource()
      resource = held
      let made = SupervisorRunner(
        name: "main",
        specification([
          ChildSpecification("a") {
            ServiceFunction { ready in
              ready()
              try await Task.sleep(for: .seconds(3600))
              _ = held
            }
          }
        ]), stage.environment())
      runner = made
      let task = Task { try await made.run() }
      try await until("all run") { await made.status().state == .running }
      await made.stop()
      try await task.value
    }
    try await until("all is released") { resource == nil && runner == nil }
  }
}
