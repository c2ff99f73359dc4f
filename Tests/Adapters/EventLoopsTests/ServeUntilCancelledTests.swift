import EventLoops
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ServeUntilCancelledTests {
  private struct Failure: Error {}

  @Test func `it ends as its server does`() async throws {
    try await serveUntilCancelled(farewell: .zero) {
    } close: {
      Issue.record("nobody cancelled it")
    }
    await #expect(throws: Failure.self) {
      try await serveUntilCancelled(farewell: .zero) {
        throw Failure()
      } close: {
      }
    }
  }

  @Test func `a server that closes in time is not cancelled`() async throws {
    let (began, closed) = (OneShot<Void>(), OneShot<Void>())
    let serving = Task {
      try await serveUntilCancelled(farewell: .seconds(500)) {
        began.fill(())
        await closed.value
        #expect(!Task.isCancelled)
      } close: {
        closed.fill(())
      }
    }
    await began.value
    serving.cancel()
    try await serving.value
  }

  @Test func `a server that does not close is left behind, and cancelled later`()
    async throws
  {
    let (began, release) = (OneShot<Void>(), OneShot<Void>())
    let isClosed = Mutex(false)
    let wasCancelled = OneShot<Bool>()
    let serving = Task {
      try await serveUntilCancelled(farewell: .milliseconds(1), patience: .milliseconds(1)) {
        began.fill(())
        await release.value
        while !Task.isCancelled { await Task.yield() }
        wasCancelled.fill(true)
      } close: {
        isClosed.withLock { $0 = true }
      }
    }
    await began.value
    serving.cancel()
    await #expect(throws: CancellationError.self) { try await serving.value }
    #expect(isClosed.withLock { $0 })
    release.fill(())
    #expect(await wasCancelled.value)
  }
}
