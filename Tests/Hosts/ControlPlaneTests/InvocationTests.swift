import ClusterModel
import ControlPlane
import HostPorts
import Supervision
import SupervisionRuntime
import Synchronization
import Testing

/// Invocations when what they run on goes away.
@Suite struct InvocationTests {
  private static let name = ModuleName(unchecked: "m")

  @Test func `an invocation that may run again survives the death of the agent`() async throws {
    let gate = Gate()
    let engine = ScriptedEngine(behind: gate)
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap)
    let once = Task {
      await problemCode {
        _ = try await cluster.plane.invoke(
          Self.name, with: cluster.event("t", "once"), by: cluster.caller)
      }
    }
    let again = Task {
      try await cluster.plane.invoke(
        Self.name, with: cluster.event("t", "again"), InvocationOptions(isIdempotent: true),
        by: cluster.caller)
    }
    await eventually("both run") { engine.runningNow == 2 }
    try await cluster.main.kill(path: "main/node/agent")
    #expect(await once.value == "outcome_unknown")
    await eventually("it runs again") {
      engine.activations.count { $0.input == Array("again".utf8) } == 2
    }
    gate.open()
    #expect(try await again.value.result.get() == Array("again".utf8))
    #expect(engine.activations.count { $0.input == Array("once".utf8) } == 1)
    let attempts = engine.activations.filter { $0.input == Array("again".utf8) }.map {
      $0.environment.first { $0.name == "WASMATRIX_ATTEMPT" }?.value
    }
    #expect(attempts == ["1", "2"])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `an invocation that comes while the agent is away waits for it`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap)
    for round in 0..<10 {
      try await cluster.main.kill(path: "main/node/agent")
      let data = "round \(round)"
      let report = try await cluster.plane.invoke(
        Self.name, with: cluster.event("t", data), InvocationOptions(isIdempotent: true),
        by: cluster.caller)
      #expect(try report.result.get() == Array(data.utf8))
      await eventually("it can be killed again") {
        await cluster.main.status()["node/agent"]?.state == .running
      }
    }
    await cluster.stop()
    cluster.remove()
  }

  @Test func `no invocation fails while new versions take over`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap)
    let end = Sign()
    let callers = Task {
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<4 {
          group.addTask {
            var count = 0
            while !end.isGiven {
              _ = try await cluster.plane.invoke(
                Self.name, with: cluster.event("t"), by: cluster.caller
              ).result.get()
              count += 1
            }
            return count
          }
        }
        return try await group.reduce(0, +)
      }
    }
    for version in 2...12 { try await cluster.deploy("m", "\(version)", Wat.trap) }
    end.give()
    #expect(try await callers.value > 0)
    await cluster.stop()
    cluster.remove()
  }

  @Test func `when a caller's time is over what runs is ended, and the caller hears so`()
    async throws
  {
    let engine = ScriptedEngine(behind: Gate())
    let cluster = try await TestCluster.start(engine: engine)
    try await cluster.deploy("m", "1", Wat.trap)
    let code = await problemCode {
      _ = try await cluster.plane.invoke(
        Self.name, with: cluster.event("t"), InvocationOptions(timeout: .milliseconds(50)),
        by: cluster.caller)
    }
    #expect(code == "timeout")
    await eventually("it is ended") { engine.runningNow == 0 }
    let gone = Task {
      await problemCode {
        _ = try await cluster.plane.invoke(
          Self.name, with: cluster.event("t"), by: cluster.caller)
      }
    }
    await eventually("it runs") { engine.runningNow == 1 }
    gone.cancel()
    #expect(await gone.value == "cancelled")
    await eventually("it is ended, too") { engine.runningNow == 0 }
    await cluster.stop()
    cluster.remove()
  }
}

/// Something that is given once, and seen by others.
private final class Sign: Sendable {
  private let state = Mutex(false)
  var isGiven: Bool { state.withLock { $0 } }
  func give() { state.withLock { $0 = true } }
}
