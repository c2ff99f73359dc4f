import ClusterModel
import PropertyTesting
import Testing

@testable import Supervision

@Suite struct ShutdownTests {
  @Test func `a child that does not stop in time is killed, and waited for`() {
    var script = SupervisorScript([
      ChildRules("a"), ChildRules("b", shutdown: .within(.seconds(2))),
    ])
    script.startAll()
    #expect(script.handle(.stopRequested) == ["stop b#1"])
    #expect(script.supervisor.nextDeadline == script.now.monotonic + .seconds(2))
    #expect(script.advance(.seconds(2) - .nanoseconds(1)) == [])
    #expect(script.advance(.nanoseconds(1)) == ["kill b#1"])
    #expect(script.events.last == .shutdownTimedOut(ChildIncarnation("b", 1)))
    #expect(script.supervisor.nextDeadline == nil)
    #expect(script.advance(.seconds(60)) == [])
    #expect(script.failed("b") == ["stop a#1"])
  }

  @Test func `a child with a brutal shutdown is killed at once`() {
    var script = SupervisorScript([ChildRules("a", shutdown: .brutalKill)])
    script.startAll()
    #expect(script.handle(.stopRequested) == ["kill a#1"])
    #expect(script.supervisor.nextDeadline == nil)
    #expect(script.failed("a") == ["ended: shutdown"])
  }

  @Test func `a supervisor as child is waited for without bound`() {
    var script = SupervisorScript([ChildRules("a", kind: .supervisor)])
    script.startAll()
    #expect(script.handle(.stopRequested) == ["stop a#1"])
    #expect(script.supervisor.nextDeadline == nil)
  }

  @Test func `the defaults are those that are documented`() {
    #expect(ChildRules("a").restart == .permanent)
    #expect(ChildRules("a").shutdown == .within(.seconds(5)))
    #expect(ChildRules("a", kind: .supervisor).shutdown == .infinity)
    #expect(RestartIntensity() == RestartIntensity(restarts: 3, window: .seconds(5)))
    let backOff = RestartBackOff()
    #expect(backOff.immediate == 1)
    #expect(backOff.initial == .milliseconds(100))
    #expect(backOff.maximum == .seconds(10))
    #expect(backOff.stableAfter == .seconds(30))
  }

  @Test func `names of children are checked`() {
    #expect(ChildID.isValid("event-router-2"))
    for name in ["", "a/b", "A", "a b", String(repeating: "a", count: 64)] {
      #expect(throws: InvalidText.self) { try ChildID(name) }
    }
  }
}

@Suite struct BackOffTests {
  private static let patient = RestartIntensity(restarts: 1000)

  @Test func `the first restart is immediate, later ones wait`() {
    var script = SupervisorScript(
      [ChildRules("a")], intensity: Self.patient,
      backOff: RestartBackOff(initial: .seconds(1), maximum: .seconds(8)))
    script.startAll()
    #expect(script.failed("a") == ["start a#2"])
    _ = script.started("a")
    var ceiling = Duration.seconds(1)
    for restart in 3...9 {
      #expect(script.failed("a") == [])
      #expect(script.state("a") == .waiting)
      let wait = script.supervisor.nextDeadline! - script.now.monotonic
      #expect(wait > .zero && wait <= ceiling)
      #expect(script.advance(wait - .nanoseconds(1)) == [])
      #expect(script.advance(.nanoseconds(1)) == ["start a#\(restart)"])
      _ = script.started("a")
      ceiling = min(ceiling * 2, .seconds(8))
    }
  }

  @Test func `a child that ran for long enough begins anew with immediate restarts`() {
    var script = SupervisorScript(
      [ChildRules("a")], intensity: Self.patient, backOff: RestartBackOff(initial: .seconds(1)))
    script.startAll()
    _ = script.failed("a")
    _ = script.started("a")
    _ = script.advance(.seconds(30) - .nanoseconds(1))
    #expect(script.failed("a") == [])
    #expect(script.advance(.seconds(1)) == ["start a#3"])
    _ = script.started("a")
    _ = script.advance(.seconds(30))
    #expect(script.failed("a") == ["start a#4"])
  }

  @Test func `others need not wait for the back-off of a child they do not depend on`() {
    var script = SupervisorScript(
      [ChildRules("a"), ChildRules("b")],
      backOff: RestartBackOff(immediate: 0, initial: .seconds(1)))
    script.startAll()
    #expect(script.failed("a") == [])
    #expect(script.handle(.restartRequested("b")) == ["stop b#1"])
    #expect(script.ended("b", .shutdown) == ["start b#2"])
  }

  @Test func `a back-off that ends while the group still stops is over when it has`() {
    var script = SupervisorScript(
      [ChildRules("a"), ChildRules("b", shutdown: .infinity)], .oneForAll,
      backOff: RestartBackOff(immediate: 0, initial: .seconds(1)))
    script.startAll()
    #expect(script.failed("a") == ["stop b#1"])
    #expect(script.supervisor.nextDeadline == nil)
    #expect(script.advance(.seconds(2)) == [])
    #expect(script.ended("b", .shutdown) == ["start a#2"])
  }

  @Test func `a failure during a back-off that takes more along begins a larger group`() {
    var script = SupervisorScript(
      [ChildRules("a"), ChildRules("b"), ChildRules("c")], .restForOne,
      backOff: RestartBackOff(immediate: 0, initial: .seconds(1)))
    script.startAll()
    #expect(script.failed("b") == ["stop c#1"])
    #expect(script.ended("c", .shutdown) == [])
    #expect(script.failed("a") == [])
    #expect(script.state("b") == .stopped)
    #expect(script.advance(.seconds(1)) == ["start a#2"])
    #expect(script.started("a") == ["start b#2"])
    #expect(script.started("b") == ["start c#2"])
  }

  // Feature: wasmatrix, Property 9: For any Wasm process crash or system failure, the Supervisor
  // should restart processes immediately using configured strategies
  @Test func `waits are within their ceilings, which double up to the maximum`() async throws {
    let values = zip(
      zip(Generator<Int>.int(in: 0...3), Generator<Int>.int(in: 1...200)),
      Generator<Int>.int(in: 1...5000), Generator<Int>.int(in: 0...100_000))
    try await checkProperty(
      "Feature: wasmatrix, Property 9: back-off grows with jitter up to its maximum", cases: 500,
      zip(values, Generator<UInt64>.int(in: 0 ... .max))
    ) { values, seed in
      let ((immediate, restart), initial, more) = values
      let backOff = RestartBackOff(
        immediate: immediate, initial: .milliseconds(initial),
        maximum: .milliseconds(initial + more))
      var random = SeededRandom(seed: seed)
      let ceiling = backOff.ceiling(beforeRestart: restart)
      let delay = backOff.delay(beforeRestart: restart, using: &random)
      guard delay >= .zero, delay <= ceiling else { return false }
      if restart <= immediate { return ceiling == .zero }
      if restart == immediate + 1 { return ceiling == backOff.initial }
      let before = backOff.ceiling(beforeRestart: restart - 1)
      return ceiling == min(before * 2, backOff.maximum)
    }
  }
}
