import ClusterModel
import DedicatedThreads
import HostPorts
import Synchronization
import Testing

/// An actor on a thread of its own, which beats by its alarm clock.
private actor Beating {
  nonisolated let thread: ThreadExecutor
  private var beats = 0
  private let beaten: @Sendable (Int) -> Void

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(
    _ urgency: ThreadUrgency = .ordinary, _ beaten: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    thread = ThreadExecutor(name: "wm-test", urgency: urgency)
    self.beaten = beaten
  }

  deinit { thread.finish() }

  func begin() {
    thread.setAlarm(after: .milliseconds(1)) { [weak self] in
      self?.assumeIsolated { $0.beat() }
    }
  }

  private func beat() {
    beats += 1
    beaten(beats)
    begin()
  }

  func isOnItsThread() -> Bool { thread.isIsolatingCurrentContext() ?? false }
  func stop() { thread.cancelAlarm() }
}

private final class Progress: Sendable {
  let beats = Atomic<Int>(0)
}

private final class Weak<Object: AnyObject & Sendable>: Sendable {
  private let object: Mutex<Ref>
  private struct Ref { weak var value: Object? }
  init(_ object: Object) { self.object = Mutex(Ref(value: object)) }
  var isGone: Bool { object.withLock { $0.value == nil } }
}

/// Waits for something that must come to be.
private func eventually(_ holds: @Sendable () async -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(30)
  while await !holds() {
    try #require(ContinuousClock.now < deadline, "it has not come to be")
    try await Task.sleep(for: .milliseconds(1))
  }
}

struct ThreadExecutorTests {
  @Test func `an actor runs on its thread, and nobody else does`() async {
    let actor = Beating()
    #expect(await actor.isOnItsThread())
    #expect(actor.thread.isIsolatingCurrentContext() == false)
  }

  @Test func `its alarm rings on while every thread of Swift's is busy`() async throws {
    let progress = Progress()
    let actor = Beating { progress.beats.store($0, ordering: .releasing) }
    await actor.begin()
    // Each occupies a thread until the actor has beaten often enough: more of them than there are threads,
    // so that whatever needs one waits.
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<64 {
        group.addTask {
          let deadline = ContinuousClock.now + .seconds(20)
          while progress.beats.load(ordering: .acquiring) < 50 {
            guard ContinuousClock.now < deadline else { return false }
          }
          return true
        }
      }
      for await hasSeenTheEnd in group { #expect(hasSeenTheEnd) }
    }
    await actor.stop()
  }

  @Test func `an alarm that is set replaces the one before`() async throws {
    let thread = ThreadExecutor(name: "wm-test", urgency: .ordinary)
    let rung = Mutex<[String]>([])
    thread.setAlarm(after: .seconds(3600)) { rung.withLock { $0.append("old") } }
    thread.setAlarm(after: .zero) { rung.withLock { $0.append("new") } }
    try await eventually { !rung.withLock { $0 }.isEmpty }
    #expect(rung.withLock { $0 } == ["new"])
    thread.finish()
  }

  @Test func `an alarm that is cancelled does not ring`() async throws {
    let thread = ThreadExecutor(name: "wm-test", urgency: .ordinary)
    let done = Mutex<[String]>([])
    // On the thread itself, where it cannot ring in between.
    thread.perform {
      thread.setAlarm(after: .zero) { done.withLock { $0.append("rung") } }
      thread.cancelAlarm()
    }
    // An alarm that is due comes before any work.
    thread.perform { done.withLock { $0.append("worked") } }
    try await eventually { !done.withLock { $0 }.isEmpty }
    #expect(done.withLock { $0 } == ["worked"])
    thread.finish()
  }

  @Test func `the thread ends when its actor is gone, with what it was given done`() async throws {
    let threads = await withTaskGroup(of: Weak<ThreadExecutor>.self) { group in
      for _ in 0..<20 {
        group.addTask {
          let actor = Beating()
          await actor.begin()
          #expect(await actor.isOnItsThread())
          return Weak(actor.thread)
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    // A thread holds its executor until it ends.
    try await eventually { threads.allSatisfy(\.isGone) }
  }

  @Test func `it is scheduled in real time exactly where that is permitted`() {
    let wanted = ThreadExecutor(name: "wm-test", urgency: .realTimeIfPermitted)
    #expect(wanted.scheduling == HeartbeatScheduling.probe())
    let ordinary = ThreadExecutor(name: "wm-test", urgency: .ordinary)
    #expect(ordinary.scheduling == .ordinary(reason: "not wanted"))
    wanted.finish()
    ordinary.finish()
  }

  @Test func `a thread that is joined has done its work`() {
    let isDone = Mutex(false)
    let thread = DedicatedThread(name: "wm-test", urgency: .ordinary) {
      isDone.withLock { $0 = true }
    }
    thread.join()
    thread.join()
    #expect(isDone.withLock { $0 })
  }
}
