import ClusterModel
import Supervision
import SupervisionRuntime
import Synchronization
import Testing

/// Something that is opened and closed, and says so.
private final class Doors: Sendable {
  private struct State {
    var opened = 0
    var open: Set<Int> = []
    var unwilling = false
  }
  private let state = Mutex(State())

  var opened: Int { state.withLock { $0.opened } }
  var open: Set<Int> { state.withLock { $0.open } }
  func refuse(_ refuse: Bool) { state.withLock { $0.unwilling = refuse } }

  func owner(of slot: ResourceSlot<Int>) -> ResourceOwner<Int> {
    ResourceOwner(
      of: slot,
      open: {
        try self.state.withLock { state in
          guard !state.unwilling else {
            throw Problem(.unavailable, code: "locked", "the door is locked")
          }
          state.opened += 1
          state.open.insert(state.opened)
          return state.opened
        }
      },
      close: { door in self.state.withLock { _ = $0.open.remove(door) } })
  }
}

@Suite struct ResourceSlotTests {
  private let stage = Stage()
  private let slot = ResourceSlot<Int>("the door", patience: .seconds(60))
  private let doors = Doors()

  private func with(_ body: (SupervisorRunner) async throws -> Void) async throws {
    let runner = SupervisorRunner(
      name: "main",
      SupervisorSpecification(
        intensity: RestartIntensity(restarts: 1000, window: .seconds(600)), backOff: .none,
        children: [ChildSpecification("owner") { doors.owner(of: slot) }]), stage.environment())
    let task = Task { try await runner.run() }
    try await body(runner)
    await runner.stop()
    try await task.value
    #expect(doors.open.isEmpty, "what was opened is closed")
    #expect(slot.current == nil)
  }

  private func code(_ body: () async throws(Problem) -> Void) async -> String? {
    do throws(Problem) {
      try await body()
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `whoever comes while it is away gets the next one`() async throws {
    let early = Task { try await slot.borrow() }
    try await with { _ in
      let first = try await early.value
      let second = try await slot.borrow()
      #expect(first == 1 && second == 1)
    }
  }

  @Test func `an owner that is killed closes what it had and opens another`() async throws {
    try await with { runner in
      _ = try await slot.borrow()
      try await runner.kill(path: "main/owner")
      try await until("there is another") { slot.current == 2 }
      #expect(doors.open == [2])
    }
  }

  @Test func `an owner whose resource is broken fails, and the next one is lent`() async throws {
    try await with { runner in
      _ = try await slot.borrow()
      slot.reportBroken(Problem(.internalFault, code: "jammed", "the door jams"))
      try await until("there is another") { slot.current == 2 }
      #expect(await runner.status()["owner"]?.lastExit == "failed: the door jams")
    }
  }

  @Test func `patience has an end`() async {
    let slot = ResourceSlot<Int>("the door", patience: .milliseconds(1))
    #expect(await code { () throws(Problem) in _ = try await slot.borrow() } == "restarting")
  }

  @Test func `whoever is cancelled waits no longer`() async {
    let waiting = Task { await code { () throws(Problem) in _ = try await slot.borrow() } }
    waiting.cancel()
    #expect(await waiting.value == "restarting")
  }

  @Test func `why it could not be started is known above`() async {
    doors.refuse(true)
    let runner = SupervisorRunner(
      name: "main",
      SupervisorSpecification(children: [
        ChildSpecification(
          "doors",
          supervisor: SupervisorSpecification(
            children: [ChildSpecification("owner") { doors.owner(of: slot) }]))
      ]), stage.environment())
    do {
      try await runner.run()
      Issue.record("it was started")
    } catch {
      #expect(error.cause?.code == "locked")
    }
  }
}
