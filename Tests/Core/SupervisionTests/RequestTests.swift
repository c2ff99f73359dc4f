import ClusterModel
import Testing

@testable import Supervision

@Suite struct RequestTests {
  private static let abc = [ChildRules("a"), ChildRules("b"), ChildRules("c")]

  @Test(arguments: SupervisionStrategy.allCases)
  func `a child that should be restarted is stopped and started alone, and it does not count`(
    _ strategy: SupervisionStrategy
  ) {
    var script = SupervisorScript(
      Self.abc, strategy, intensity: RestartIntensity(restarts: 0))
    script.startAll()
    #expect(script.handle(.restartRequested("b")) == ["stop b#1"])
    #expect(script.handle(.restartRequested("b")) == [])
    #expect(script.ended("b", .shutdown) == ["start b#2"])
    #expect(script.started("b") == [])
    #expect(script.supervisor.status[1].restarts == 0)
  }

  @Test func `a child that was taken down stays down until it is asked for`() {
    var script = SupervisorScript(Self.abc)
    script.startAll()
    #expect(script.handle(.terminateRequested("b")) == ["stop b#1"])
    #expect(script.failed("b") == [])
    #expect(script.state("b") == .stopped)
    #expect(script.handle(.restartRequested("b")) == ["start b#2"])
  }

  @Test func `taking down what has ended by itself already is noted`() {
    var script = SupervisorScript([ChildRules("a", restart: .transient)])
    script.startAll()
    _ = script.ended("a", .normal)
    #expect(script.handle(.terminateRequested("a")) == [])
    #expect(script.state("a") == .stopped)
  }

  @Test func `a wish that is repeated while nobody can attend to it is remembered once`() {
    var script = SupervisorScript(Self.abc)
    _ = script.handle(.startRequested)
    for _ in 0..<1000 {
      #expect(script.handle(.restartRequested("a")) == [])
      #expect(script.handle(.terminateRequested("a")) == [])
    }
    #expect(script.supervisor.deferred.count == 1)
  }

  @Test func `the latest of two wishes counts`() {
    var script = SupervisorScript(Self.abc)
    script.startAll()
    _ = script.handle(.restartRequested("b"))
    #expect(script.handle(.terminateRequested("b")) == [])
    #expect(script.ended("b", .shutdown) == [])
    #expect(script.state("b") == .stopped)
  }

  @Test(arguments: SupervisionStrategy.allCases)
  func `of several wishes that could not be attended to the latest counts`(
    _ strategy: SupervisionStrategy
  ) {
    var script = SupervisorScript(Self.abc, strategy)
    _ = script.handle(.startRequested)
    _ = script.handle(.restartRequested("a"))
    _ = script.handle(.terminateRequested("a"))
    _ = script.handle(.restartRequested("a"))
    _ = script.started("a")
    _ = script.started("b")
    #expect(script.started("c") == ["started", "stop a#1"])
    #expect(script.ended("a", .shutdown) == ["start a#2"])
    #expect(script.started("a") == [])
    #expect(script.state("a") == .running)
  }

  @Test func `a child that fails and is asked for while its group stops is started once`() {
    var script = SupervisorScript(Self.abc, .oneForAll)
    script.startAll()
    #expect(script.failed("a") == ["stop c#1"])
    #expect(script.handle(.restartRequested("a")) == [])
    #expect(script.ended("c", .shutdown) == ["stop b#1"])
    #expect(script.ended("b", .shutdown) == ["start a#2"])
    #expect(script.started("a") == ["start b#2"])
    #expect(script.started("b") == ["start c#2"])
    #expect(script.started("c") == [])
    #expect(script.current("a").number == 2)
  }

  @Test func `a child that is taken down while it is stopped to be restarted stays down`() {
    var script = SupervisorScript(Self.abc, .restForOne)
    script.startAll()
    #expect(script.handle(.restartRequested("a")) == ["stop a#1"])
    #expect(script.failed("b") == ["stop c#1"])
    #expect(script.handle(.terminateRequested("a")) == [])
    #expect(script.ended("a", .shutdown) == [])
    #expect(script.ended("c", .shutdown) == ["start b#2"])
    _ = script.started("b")
    #expect(script.started("c") == [])
    #expect(script.state("a") == .stopped)
  }

  @Test func `a temporary child is not restarted, and forgotten when it is taken down`() {
    var script = SupervisorScript([ChildRules("a", restart: .temporary)])
    script.startAll()
    #expect(script.handle(.restartRequested("a")) == [])
    #expect(script.handle(.terminateRequested("a")) == ["stop a#1"])
    #expect(script.ended("a", .shutdown) == [])
    #expect(!script.supervisor.has("a"))
  }

  @Test func `a wish cuts a back-off short, for the whole group`() {
    var script = SupervisorScript(
      Self.abc, .restForOne, backOff: RestartBackOff(immediate: 0, initial: .seconds(10)))
    script.startAll()
    _ = script.failed("b")
    _ = script.ended("c", .shutdown)
    #expect(script.handle(.restartRequested("b")) == ["start b#2"])
    #expect(script.started("b") == ["start c#2"])
  }

  @Test func `taking down the child that others wait for lets them start without it`() {
    var script = SupervisorScript(
      Self.abc, .oneForAll, backOff: RestartBackOff(immediate: 0, initial: .seconds(10)))
    script.startAll()
    _ = script.failed("b")
    _ = script.ended("c", .shutdown)
    _ = script.ended("a", .shutdown)
    #expect(script.handle(.terminateRequested("b")) == ["start a#2"])
    #expect(script.started("a") == ["start c#2"])
    #expect(script.state("b") == .stopped)
  }

  @Test func `wishes that come while a group is restarted are fulfilled after it`() {
    var script = SupervisorScript(Self.abc, .restForOne)
    script.startAll()
    _ = script.failed("b")
    #expect(script.handle(.terminateRequested("a")) == [])
    #expect(script.ended("c", .shutdown) == ["start b#2"])
    #expect(script.started("b") == ["start c#2"])
    #expect(script.started("c") == ["stop a#1"])
  }

  @Test func `a failed start after a wish counts as a failure`() {
    var script = SupervisorScript(Self.abc)
    script.startAll()
    _ = script.handle(.restartRequested("b"))
    _ = script.ended("b", .shutdown)
    #expect(script.handle(.childStartFailed(script.current("b"), reason: "x")) == ["start b#3"])
    #expect(script.supervisor.status[1].restarts == 1)
  }

  @Test func `a child that is being restarted by itself is taken along by its group`() {
    var script = SupervisorScript(Self.abc, .oneForAll)
    script.startAll()
    _ = script.handle(.restartRequested("b"))
    #expect(script.failed("a") == ["stop c#1"])
    #expect(script.ended("b", .shutdown) == [])
    #expect(script.ended("c", .shutdown) == ["start a#2"])
    #expect(script.started("a") == ["start b#2"])
    #expect(script.started("b") == ["start c#2"])
    #expect(script.started("c") == [])
  }
}
