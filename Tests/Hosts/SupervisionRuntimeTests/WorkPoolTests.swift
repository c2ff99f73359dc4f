import ClusterModel
import Supervision
import SupervisionRuntime
import Synchronization
import Testing

@Suite struct WorkPoolTests {
  private let stage = Stage()
  private let pool = WorkPool()

  private func with(_ body: (SupervisorRunner) async throws -> Void) async throws {
    let runner = SupervisorRunner(
      name: "main",
      SupervisorSpecification(
        intensity: RestartIntensity(restarts: 1000, window: .seconds(600)), backOff: .none,
        children: [ChildSpecification("pool") { WorkPoolOwner(of: pool) }]), stage.environment())
    let task = Task { try await runner.run() }
    try await body(runner)
    await runner.stop()
    try await task.value
  }

  /// Does something in the pool, and says what came of it. Cancelling whoever waits cancels it.
  private func perform(_ body: @escaping @Sendable () async -> String) async -> String {
    let cancelling = Mutex((@Sendable () -> Void)?.none)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let cancel = pool.begin { place in
          let task = Task {
            let done = await body()
            place.leave()
            continuation.resume(returning: done)
          }
          return { task.cancel() }
        }
        cancelling.withLock { $0 = cancel }
        // A cancellation that came before found nothing.
        if Task.isCancelled { cancel() }
      }
    } onCancel: {
      cancelling.withLock { $0 }?()
    }
  }

  /// Works until it is cancelled; says how it ended.
  private func endless() async -> String {
    await untilCancelled()
    return "cancelled"
  }

  @Test func `work that comes while its owner is down is done when that is back`() async throws {
    let early = Task { await perform { "done" } }
    try await until("it waits") { pool.count == 1 }
    try await with { _ in #expect(await early.value == "done") }
  }

  @Test func `work ends with its owner, and new work is done by the next`() async throws {
    try await with { runner in
      let work = Task { await perform { await endless() } }
      try await until("it runs") { pool.count == 1 }
      try await runner.kill(path: "main/pool")
      #expect(await work.value == "cancelled")
      #expect(await perform { "done" } == "done")
      #expect(await runner.status()["pool"]?.restarts == 1)
    }
  }

  @Test func `cancelling whoever waits cancels the work, begun or not`() async throws {
    let early = Task { await perform { await endless() } }
    try await until("it waits") { pool.count == 1 }
    early.cancel()
    #expect(await early.value == "cancelled")
    try await with { _ in
      let late = Task { await perform { await endless() } }
      late.cancel()
      #expect(await late.value == "cancelled")
    }
  }

  @Test func `what is cancelled before it began is dropped, or begins and is cancelled`()
    async throws
  {
    let (told, said) = AsyncStream.makeStream(of: String.self)
    let drop = pool.begin { place in
      said.yield("begun")
      return { place.leave() }
    } dropped: {
      said.yield("dropped")
    }
    let cancel = pool.begin { place in
      said.yield("begun all the same")
      return {
        said.yield("cancelled")
        place.leave()
      }
    }
    #expect(pool.count == 2)
    for twice in [drop, drop, cancel, cancel] { twice() }
    #expect(pool.count == 0)
    try await with { _ in #expect(await perform { "done" } == "done") }
    said.finish()
    let all = await told.reduce(into: []) { $0.append($1) }
    #expect(all == ["dropped", "begun all the same", "cancelled"])
  }

  @Test func `what ends or is cancelled while it begins does not stay`() async throws {
    try await with { runner in
      #expect(await perform { "open" } == "open")
      pool.begin { place in
        place.leave()
        return {}
      }
      #expect(pool.count == 0)
      let wasCancelled = Mutex(false)
      pool.begin { place in
        // The service ends it before it has said how.
        pool.cancelAll()
        return {
          wasCancelled.withLock { $0 = true }
          place.leave()
        }
      }
      #expect(pool.count == 0 && wasCancelled.withLock { $0 })
      try await runner.kill(path: "main/pool")
      #expect(await perform { "done" } == "done")
    }
  }

  @Test func `draining waits for what ends by itself, and ends the rest`() async throws {
    try await with { _ in
      let done = Task { await perform { "done" } }
      await pool.drain(patience: .seconds(60))
      #expect(await done.value == "done")
      let work = Task { await perform { await endless() } }
      try await until("it runs") { pool.count == 1 }
      await pool.drain(patience: .milliseconds(1))
      #expect(await work.value == "cancelled")
      #expect(pool.count == 0)
    }
  }
}
