import ClusterModel
import Testing

@testable import Supervision

@Suite struct SupervisorTests {
  private static let abc = [ChildRules("a"), ChildRules("b"), ChildRules("c")]

  @Test func `children start in order, each when the one before it serves`() {
    var script = SupervisorScript(Self.abc)
    #expect(script.handle(.startRequested) == ["start a#1"])
    #expect(script.supervisor.state == .starting)
    #expect(script.started("a") == ["start b#1"])
    #expect(script.started("b") == ["start c#1"])
    #expect(script.started("c") == ["started"])
    #expect(script.supervisor.state == .running)
  }

  @Test func `children stop in reverse order, each when the one after it is down`() {
    var script = SupervisorScript(Self.abc)
    script.startAll()
    #expect(script.handle(.stopRequested) == ["stop c#1"])
    #expect(script.ended("c", .shutdown) == ["stop b#1"])
    #expect(script.ended("b", .shutdown) == ["stop a#1"])
    #expect(script.ended("a", .shutdown) == ["ended: shutdown"])
    #expect(script.handle(.stopRequested) == [])
    #expect(script.handle(.startRequested) == [])
  }

  @Test func `a supervisor without children starts and stops at once`() {
    var script = SupervisorScript([])
    #expect(script.handle(.startRequested) == ["started"])
    #expect(script.handle(.stopRequested) == ["ended: shutdown"])
  }

  @Test func `a supervisor that never began stops at once`() {
    var script = SupervisorScript(Self.abc)
    #expect(script.handle(.stopRequested) == ["ended: shutdown"])
    #expect(script.handle(.startRequested) == [])
  }

  @Test func `a child that cannot start at first ends the supervisor, after the others`() {
    var script = SupervisorScript(Self.abc)
    _ = script.handle(.startRequested)
    _ = script.started("a")
    #expect(
      script.handle(.childStartFailed(script.current("b"), reason: "no port")) == ["stop a#1"])
    #expect(script.ended("a", .shutdown) == ["ended: startFailed(b, reason: \"no port\")"])
  }

  @Test func `a child that ends before it serves has failed to start`() {
    var script = SupervisorScript(Self.abc)
    _ = script.handle(.startRequested)
    #expect(
      script.ended("a", .normal)
        == ["ended: startFailed(a, reason: \"it ended before it was started\")"])
  }

  @Test func `a failure while others still start is looked at when all have`() {
    var script = SupervisorScript(Self.abc)
    _ = script.handle(.startRequested)
    _ = script.started("a")
    #expect(script.failed("a") == [])
    #expect(script.started("b") == ["start c#1"])
    #expect(script.started("c") == ["started", "start a#2"])
  }

  @Test func `with one-for-one a failure does not wait until another child has been started`() {
    var script = SupervisorScript(Self.abc, intensity: RestartIntensity(restarts: 2))
    script.startAll()
    #expect(script.failed("a") == ["start a#2"])
    #expect(script.failed("b") == ["start b#2"])
    #expect(script.started("b") == [])
    // A child that is being started is stopped with the others when there is one failure too many.
    #expect(script.failed("b") == ["stop c#1"])
    #expect(script.ended("c", .shutdown) == ["stop a#2"])
  }

  @Test func `with one-for-one all that failed while others started first is dealt with at once`() {
    var script = SupervisorScript(Self.abc)
    _ = script.handle(.startRequested)
    _ = script.started("a")
    _ = script.started("b")
    _ = script.failed("b")
    _ = script.failed("a")
    #expect(script.started("c") == ["started", "start b#2", "start a#2"])
  }

  @Test func `a start that fails during a restart is one more restart`() {
    var script = SupervisorScript(
      Self.abc, .restForOne, intensity: RestartIntensity(restarts: 2))
    script.startAll()
    #expect(script.failed("b") == ["stop c#1"])
    #expect(script.ended("c", .shutdown) == ["start b#2"])
    #expect(script.started("b") == ["start c#2"])
    // It is c that begins again now, and what follows it.
    #expect(script.handle(.childStartFailed(script.current("c"), reason: "x")) == ["start c#3"])
    #expect(script.handle(.childStartFailed(script.current("c"), reason: "x")) == ["stop b#2"])
    #expect(script.ended("b", .shutdown) == ["stop a#1"])
    #expect(
      script.ended("a", .shutdown)
        == ["ended: intensityReached(c, Supervision.ChildExit.failure(\"x\"))"])
  }

  @Test func `one restart too many within the window ends the supervisor, later ones do not`() {
    var script = SupervisorScript(
      [ChildRules("a")], intensity: RestartIntensity(restarts: 2, window: .seconds(5)))
    script.startAll()
    for restart in 2...3 {
      #expect(script.failed("a") == ["start a#\(restart)"])
      _ = script.started("a")
    }
    // Exactly at the end of the window a restart still counts; after it, it does not.
    _ = script.advance(.seconds(5) + .nanoseconds(1))
    #expect(script.failed("a") == ["start a#4"])
    _ = script.started("a")
    #expect(script.failed("a") == ["start a#5"])
    _ = script.started("a")
    _ = script.advance(.seconds(5))
    #expect(
      script.failed("a")
        == ["ended: intensityReached(a, Supervision.ChildExit.failure(\"broken\"))"])
    #expect(
      script.events.last
        == .escalated("a", after: .failure("broken"), restarts: 2, within: .seconds(5)))
  }

  @Test func `an exit that comes while all is stopped is no restart`() {
    var script = SupervisorScript(Self.abc, .oneForAll)
    script.startAll()
    #expect(script.handle(.stopRequested) == ["stop c#1"])
    #expect(script.failed("a") == [])
    #expect(script.failed("c") == ["stop b#1"])
    #expect(script.ended("b", .normal) == ["ended: shutdown"])
  }

  @Test func `an exit in a group that is being stopped is no restart of its own`() {
    var script = SupervisorScript(Self.abc, .oneForAll, intensity: RestartIntensity(restarts: 1))
    script.startAll()
    #expect(script.failed("a") == ["stop c#1"])
    #expect(script.failed("b") == [])
    #expect(script.ended("c", .shutdown) == ["start a#2"])
    #expect(script.started("a") == ["start b#2"])
  }

  @Test func `an exit before the group that is restarted is looked at after it`() {
    var script = SupervisorScript(Self.abc, .restForOne)
    script.startAll()
    #expect(script.failed("b") == ["stop c#1"])
    #expect(script.failed("a") == [])
    #expect(script.ended("c", .shutdown) == ["start b#2"])
    #expect(script.started("b") == ["start c#2"])
    #expect(script.started("c") == ["stop c#2"])
    #expect(script.ended("c", .shutdown) == ["stop b#2"])
    #expect(script.ended("b", .shutdown) == ["start a#2"])
  }

  @Test func `a stop during a restart stops what has been started, and starts nothing more`() {
    var script = SupervisorScript(Self.abc, .oneForAll)
    script.startAll()
    _ = script.failed("c")
    _ = script.ended("b", .shutdown)
    #expect(script.ended("a", .shutdown) == ["start a#2"])
    #expect(script.handle(.stopRequested) == ["stop a#2"])
    // It had become ready when it was told to stop.
    #expect(script.started("a") == [])
    #expect(script.ended("a", .shutdown) == ["ended: shutdown"])
  }

  @Test func `reports about earlier incarnations and strangers change nothing`() {
    var script = SupervisorScript([ChildRules("a")])
    script.startAll()
    let first = script.current("a")
    #expect(script.failed("a") == ["start a#2"])
    #expect(script.handle(.childStarted(first)) == [])
    #expect(script.handle(.childEnded(first, .normal)) == [])
    #expect(script.handle(.childEnded(ChildIncarnation("x", 1), .normal)) == [])
    #expect(script.state("a") == .starting)
    #expect(script.handle(.restartRequested("x")) == [])
    #expect(script.handle(.terminateRequested("x")) == [])
  }

  @Test func `the status says what each child does, since when, and how often it failed`() {
    var script = SupervisorScript(
      [ChildRules("a"), ChildRules("b", restart: .transient)], .oneForAll)
    script.startAll()
    _ = script.advance(.seconds(1))
    _ = script.ended("b", .normal)
    #expect(script.state("b") == .ended)
    #expect(script.failed("a") == ["start a#2"])
    _ = script.started("a")
    let status = script.supervisor.status
    #expect(status.map(\.restarts) == [1, 0])
    #expect(status.map(\.starts) == [2, 2])
    #expect(status.map(\.lastExit) == [.failure("broken"), .normal])
    #expect(status.map(\.state) == [.running, .starting])
    #expect(status.map(\.since) == Array(repeating: WallInstant(microseconds: 1_000_000), count: 2))
  }
}
