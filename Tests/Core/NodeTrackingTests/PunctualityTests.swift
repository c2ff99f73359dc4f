import ClusterModel
import Testing

@testable import NodeTracking

/// Nodes in real time beside ordinary ones, under a control plane in real time.
@Suite struct PunctualityTests {
  private static let first = nodes(2)[0]
  private static let second = nodes(2)[1]

  /// Those in real time come first. Each is a fault domain of its own, and was heard for a while.
  private static func fleet(realTime: Int, ordinary: Int) -> TrackerScript {
    var script = TrackerScript { $0 = .datagrams(.realTime) }
    let all = nodes(realTime + ordinary)
    for (index, node) in all.enumerated() {
      script.register(node, punctuality: index < realTime ? .realTime : .ordinary)
    }
    #expect(live(&script, all, for: .milliseconds(200)) == [])
    return script
  }

  /// Some beat every 5 ms; what is ordered meanwhile.
  private static func live(
    _ script: inout TrackerScript, _ nodes: [NodeID], for duration: Duration
  ) -> [String] {
    var words: [String] = []
    let start = script.now.monotonic
    while script.now.monotonic - start < duration {
      words += script.advance(.milliseconds(5))
      for node in nodes { words += script.beat(node) }
    }
    return words
  }

  /// When who was lost to silence while the others beat every 5 ms.
  private static func losses(
    _ script: inout TrackerScript, beating nodes: [NodeID], for duration: Duration
  ) -> [NodeID: Duration] {
    var losses: [NodeID: Duration] = [:]
    let start = script.now.monotonic
    while script.now.monotonic - start < duration {
      for (at, directive) in script.directives(during: .milliseconds(5)) {
        if case .moveWork(let node, .silence) = directive { losses[node] = at - start }
      }
      for node in nodes { script.beat(node) }
    }
    return losses
  }

  @Test func `silence of 100 ms loses the one in real time, and not the other`() {
    var script = Self.fleet(realTime: 1, ordinary: 1)
    #expect(
      script.advance(.milliseconds(100)) == [
        "n1: healthy -> suspect (silent)", "n1: suspect -> unavailable (silent)",
        "move from n1 (silence)", "n2: healthy -> suspect (silent)",
      ])
    #expect(script.beat(Self.second) == ["n2: suspect -> healthy (heardAgain)"])
    #expect(script.advance(.milliseconds(400)).last == "move from n2 (silence)")
  }

  @Test func `nobody is lost sooner under a control plane that is not in real time`() {
    var script = TrackerScript { $0 = .datagrams(.ordinary) }
    for (node, punctuality) in zip(nodes(2), HeartbeatPunctuality.allCases) {
      script.register(node, punctuality: punctuality)
    }
    #expect(Self.live(&script, nodes(2), for: .milliseconds(200)) == [])
    let losses = Self.losses(&script, beating: [], for: .milliseconds(400))
    #expect(losses == [Self.first: .milliseconds(250), Self.second: .milliseconds(250)])
  }

  @Test func `each is told its own interval, and all the same when there are many`() {
    var script = Self.fleet(realTime: 1, ordinary: 1)
    #expect(script.tracker.ownInterval(of: Self.first) == nil)
    #expect(script.tracker.ownInterval(of: Self.second) == .milliseconds(10))
    #expect(script.tracker.ownInterval(of: NodeID(unchecked: "unknown")) == nil)
    for node in nodes(40) { script.register(node, incarnation: 2) }
    #expect(script.tracker.heartbeatInterval == .milliseconds(10))
    #expect(script.tracker.ownInterval(of: Self.first) == .milliseconds(10))
    script.register(Self.second, incarnation: 3, punctuality: .ordinary)
    #expect(script.tracker.ownInterval(of: Self.second) == .milliseconds(10))
    for node in nodes(41) { script.register(node, incarnation: 3) }
    script.register(Self.second, incarnation: 4, punctuality: .ordinary)
    #expect(script.tracker.ownInterval(of: Self.first) == .milliseconds(20))
    #expect(script.tracker.ownInterval(of: Self.second) == .milliseconds(20))
  }

  @Test func `an ordinary node may hear less of the control plane`() {
    var script = Self.fleet(realTime: 1, ordinary: 1)
    func hearsLittle(_ node: NodeID, _ milliseconds: Int) -> Bool {
      script.tracker.hearsLittle(
        heartbeat(node, sequence: 99, heardAgo: .milliseconds(milliseconds)))
    }
    #expect(!hearsLittle(Self.first, 10) && hearsLittle(Self.first, 11))
    #expect(!hearsLittle(Self.second, 120) && hearsLittle(Self.second, 121))
    script.advance(.milliseconds(100))
    #expect(script.beat(Self.second, heardAgo: .milliseconds(241)) == [], "it is as good as silent")
    #expect(
      script.beat(Self.second, heardAgo: .milliseconds(240))
        == ["n2: suspect -> healthy (heardAgain)"])
    #expect(script.beat(Self.first, heardAgo: .milliseconds(21)) == [])
  }

  @Test func `a start of an agent is judged by how it is scheduled, whatever the last one was`() {
    var script = Self.fleet(realTime: 1, ordinary: 1)
    script.register(Self.first, incarnation: 2, punctuality: .ordinary)
    script.register(Self.second, incarnation: 2, punctuality: .realTime)
    for node in nodes(2) { script.tell(.adopted(node)) }
    #expect(Self.live(&script, nodes(2), for: .milliseconds(200)) == [])
    let losses = Self.losses(&script, beating: [], for: .milliseconds(400))
    #expect(losses == [Self.first: .milliseconds(250), Self.second: .milliseconds(30)])
  }

  // When many in real time are silent, others may be as silent.

  @Test func `when all fall silent, nobody is lost before it is known of all`() {
    var script = Self.fleet(realTime: 2, ordinary: 4)
    let words = script.advance(.seconds(5))
    #expect(words.filter { $0 == "alarm" }.count == 1)
    #expect(!words.contains { $0.hasPrefix("move") })
    #expect(script.tracker.allNodes.allSatisfy { $0.state == .suspect })
    var heard: [String] = []
    for node in nodes(6) { heard += script.beat(node) }
    #expect(heard.contains("no alarm"))
    #expect(script.tracker.allNodes.allSatisfy { $0.state == .healthy })
    #expect(Self.live(&script, nodes(6), for: .milliseconds(500)) == [])
  }

  @Test func `when only those in real time fall silent, they are lost as soon as others could be`()
  {
    var script = Self.fleet(realTime: 2, ordinary: 4)
    let losses = Self.losses(
      &script, beating: Array(nodes(6).suffix(4)), for: .milliseconds(600))
    #expect(losses == [Self.first: .milliseconds(250), Self.second: .milliseconds(250)])
  }

  @Test func `one of them that is silent is lost at once`() {
    var script = Self.fleet(realTime: 3, ordinary: 3)
    let losses = Self.losses(
      &script, beating: Array(nodes(6).dropFirst()), for: .milliseconds(200))
    #expect(losses == [Self.first: .milliseconds(30)])
  }

  @Test func `who is silent when the others are heard again is given time anew`() {
    var script = Self.fleet(realTime: 4, ordinary: 4)
    let ordinary = Array(nodes(8).suffix(4))
    #expect(Self.losses(&script, beating: ordinary, for: .milliseconds(100)) == [:])
    #expect(script.tracker.isHoldingBack)
    for node in nodes(4).dropFirst() { script.beat(node) }
    #expect(!script.tracker.isHoldingBack)
    let losses = Self.losses(
      &script, beating: Array(nodes(8).dropFirst()), for: .milliseconds(200))
    #expect(losses == [Self.first: .milliseconds(30)])
  }
}
