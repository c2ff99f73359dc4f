import ClusterModel
import NodeTracking
import Testing

@testable import ControlPlaneLogic

/// What becomes of invocations when where they run fails them.
@Suite struct InvocationTests {
  private var plane = ControlPlaneDriver()
  private let one = PlacementRules(replicas: 1, fallbacks: 1)
  private let both = PlacementRules(replicas: 2, fallbacks: 0)
  private let again = InvocationOptions(isIdempotent: true)

  private func about(_ texts: [String]) -> [String] {
    texts.filter { text in
      ["invoke", "answer of", "end on", "no invocation"].contains { text.hasPrefix($0) }
    }
  }

  @Test mutating func `what nothing ran of goes elsewhere at once, and then waits a little`() {
    plane.serve(on: ["a", "b"], both)
    #expect(plane.invoke() == ["invoke on a"])
    #expect(plane.end(.notRun(.overloaded)) == ["invoke on b"], "not to the one that refused")
    #expect(plane.end(.notRun(.notServed)) == [], "both have")
    #expect(about(plane.wait(.milliseconds(10), beating: ["a", "b"])) == ["invoke on a"])
    #expect(plane.end(.answered(isFaultOfNode: false)) == ["answer of a"])
    #expect(plane.logic.invocations.count == 0)
  }

  @Test mutating func `what is refused again and again hears so, and why`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    for (refusal, code) in [
      (InvocationRefusal.overloaded, "overloaded"), (.notServed, "not_ready"),
    ] {
      let before = plane.invocations.count
      var texts = plane.invoke()
      while texts == ["invoke on a"] {
        texts = plane.end(.notRun(refusal))
        if texts.isEmpty { texts = about(plane.wait(.milliseconds(510), beating: ["a"])) }
      }
      #expect(texts == ["no invocation: \(code)"])
      #expect(plane.invocations.count - before == InvocationLimits().attempts)
      #expect(plane.answers.last?.problem?.retryAfter != nil)
    }
  }

  @Test mutating func `an invocation waits while its only placement is moved`() {
    plane.serve(on: ["a", "b"], PlacementRules(fallbacks: 0))
    _ = plane.die("a", .processEnded)
    #expect(plane.invoke() == [], "it is being made ready elsewhere")
    #expect(about(plane.obey("b")) == ["invoke on b"])
  }

  @Test mutating func `an invocation that finds nothing in time hears that nothing ran`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.die("a", .processEnded)
    #expect(plane.invoke(InvocationOptions(timeout: .milliseconds(200))) == [])
    #expect(about(plane.wait(.milliseconds(190), beating: [])) == [])
    #expect(about(plane.wait(.milliseconds(20), beating: [])) == ["no invocation: not_ready"])
    #expect(plane.logic.invocations.waitingCount == 0)
  }

  @Test mutating func `so many wait and no more`() {
    var configuration = ControlPlaneLogic.Configuration()
    configuration.invocations.waiting = 2
    plane = ControlPlaneDriver(configuration: configuration)
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    let held = plane.held("a")
    _ = plane.die("a", .processEnded)
    #expect(plane.invoke() == [])
    #expect(plane.invoke() == [])
    #expect(plane.invoke() == ["no invocation: invocations_waiting"])
    let texts = plane.attach("a", incarnation: 2, holding: held) + plane.obey("a", incarnation: 2)
    #expect(about(texts) == ["invoke on a", "invoke on a"])
    #expect(plane.answers.map(\.problem?.category) == [.overloaded])
  }

  @Test mutating func `what may have run is told so, unless it may run again`() {
    plane.serve(on: ["a", "b"], both)
    _ = plane.invoke()
    #expect(plane.end(.lost) == ["no invocation: outcome_unknown"])
    #expect(plane.answers.last?.problem?.next?.contains("`idempotent: true`") == true)
    _ = plane.invoke(again)
    #expect(plane.invocations.last?.route.node.text == "a")
    _ = plane.invoke()
    #expect(plane.end(1, .lost) == ["invoke on a, attempt 2"])
    #expect(plane.end(.answered(isFaultOfNode: false)) == ["answer of a"])
  }

  @Test mutating func `what may run again is not told to say so when it has no attempt left`() {
    plane.serve(on: ["a", "b"], both)
    var texts = plane.invoke(again)
    for _ in 1..<InvocationLimits().attempts { texts = plane.end(.lost) }
    #expect(texts == ["invoke on a, attempt \(InvocationLimits().attempts)"])
    #expect(plane.end(.lost) == ["no invocation: outcome_unknown"])
    let attempts = "\(InvocationLimits().attempts) attempts"
    #expect(plane.answers.last?.problem?.next?.contains(attempts) == true)
  }

  @Test mutating func `a deployment says for all its invocations that they may run again`() {
    plane.serve(on: ["a", "b"], both, isIdempotent: true)
    _ = plane.invoke()
    #expect(plane.end(.interrupted) == ["invoke on a, attempt 2"])
  }

  @Test mutating func `when a node dies those that may run again do, the others hear the truth`() {
    plane.serve(on: ["a", "b"], one)
    #expect(plane.invoke() == ["invoke on a"])
    #expect(plane.invoke(again) == ["invoke on a"])
    #expect(
      about(plane.die("a", .processEnded))
        == [
          "end on a", "no invocation: outcome_unknown", "end on a", "invoke on b, attempt 2",
        ])
    #expect(
      plane.abandoned == [ControlPlaneDriver.node("a")],
      "by this control plane and by those before it")
    _ = plane.attach("a", incarnation: 2)
    #expect(plane.abandoned == [ControlPlaneDriver.node("a")], "what runs over its new way is not")
    #expect(plane.end(1, .answered(isFaultOfNode: false)) == [], "under a fence that was replaced")
    #expect(plane.end(.answered(isFaultOfNode: false)) == ["answer of b"])
  }

  @Test mutating func `what runs on a node goes on when that says again what it holds`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.invoke()
    #expect(about(plane.attach("a", holding: plane.held("a"))) == [])
    #expect(plane.end(.answered(isFaultOfNode: false)) == ["answer of a"])
  }

  @Test
  mutating func `what ran before a node was given up is lost once, however often it attaches`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    let held = plane.held("a")
    _ = plane.invoke(InvocationOptions(isIdempotent: true))
    _ = plane.wait(.seconds(1), beating: [])
    #expect(
      plane.abandoned == [ControlPlaneDriver.node("a")], "what was sent there is not waited for")
    _ = plane.beat("a")
    let texts = plane.attach("a", holding: held) + plane.obey("a")
    #expect(about(texts) == ["invoke on a, attempt 2"])
    #expect(about(plane.attach("a", holding: held) + plane.obey("a")) == [])
    #expect(plane.end(.answered(isFaultOfNode: false)) == ["answer of a"])
  }

  @Test mutating func `what may have run once hears that, whatever else comes of it`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.invoke(InvocationOptions(timeout: .seconds(1), isIdempotent: true))
    _ = plane.die("a", .processEnded)
    #expect(
      about(plane.wait(.seconds(1), beating: [])) == ["no invocation: outcome_unknown"])
    _ = plane.attach("a", incarnation: 2)
    _ = plane.obey("a", incarnation: 2)
    _ = plane.invoke(again)
    _ = plane.die("a", .processEnded, incarnation: 2)
    #expect(about(plane.undeploy()) == ["no invocation: outcome_unknown"])
  }

  @Test
  mutating func `a caller's time that is over ends what runs; a node's silence is one's fault`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.invoke(InvocationOptions(timeout: .seconds(2)))
    #expect(
      about(plane.wait(.seconds(2), beating: ["a"])) == ["end on a", "no invocation: timeout"])
    #expect(plane.end(.answered(isFaultOfNode: false)) == [], "too late")
    _ = plane.invoke()
    #expect(about(plane.wait(.seconds(34), beating: ["a"])) == [], "the wall time and five seconds")
    #expect(
      about(plane.wait(.seconds(1), beating: ["a"]))
        == ["end on a", "no invocation: outcome_unknown"])
  }

  @Test mutating func `whoever goes away is forgotten, and what runs for them is ended`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.invoke()
    let request = plane.invocations[0].request
    #expect(
      plane.tell(.invocationWithdrawn(request)) == ["end on a", "no invocation: cancelled"])
    #expect(plane.tell(.invocationWithdrawn(request)) == [])
    #expect(plane.end(.answered(isFaultOfNode: false)) == [])
    #expect(plane.logic.invocations.count == 0)
  }

  @Test mutating func `what will not run soon is refused at once`() {
    #expect(plane.invoke() == ["no invocation: not_deployed"])
    plane.serve(on: ["a"], PlacementRules(replicas: 0, fallbacks: 1))
    #expect(plane.invoke() == ["no invocation: scaled_to_zero"])
  }

  @Test mutating func `what waits goes to the new version when one takes over`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.push("2")
    _ = plane.invoke()
    let old = plane.invocations[0].route
    _ = plane.deploy("2", PlacementRules(fallbacks: 0))
    _ = plane.obey("a")
    _ = plane.end(.notRun(.notServed))
    _ = plane.wait(.milliseconds(10), beating: ["a"])
    _ = plane.obey("a")
    #expect(plane.invocations.last?.route.placement.generation == old.placement.generation + 1)
    #expect(plane.end(.answered(isFaultOfNode: false)) == ["answer of a"])
  }
}
