import ClusterModel
import Testing

@testable import NodeTracking

@Suite struct MassSilenceTests {
  /// Nodes in fault domains, all of them heard for a while.
  private static func fleet(_ domains: [String?]) -> TrackerScript {
    var script = TrackerScript()
    for (node, domain) in zip(nodes(domains.count), domains) {
      script.register(node, domain: domain)
    }
    #expect(script.live(nodes(domains.count), for: 10) == [])
    return script
  }

  private static let spread: [String?] = ["a", "a", "b", "b", "c", "c"]

  private static func moves(_ words: [String]) -> [String] {
    words.filter { $0.hasPrefix("move") }
  }

  @Test func `when all fall silent at once an alarm is raised and nothing moves`() {
    var script = Self.fleet(Self.spread)
    let words = script.advance(.seconds(30))
    #expect(words.filter { $0 == "alarm" }.count == 1)
    #expect(Self.moves(words) == [])
    #expect(script.tracker.allNodes.allSatisfy { $0.state == .suspect })
  }

  @Test func `the alarm says how many are silent`() {
    var script = Self.fleet(Self.spread)
    let alarms = script.directives(during: .seconds(2)).compactMap { _, directive in
      if case .raiseAlarm(let alarm) = directive { return alarm }
      return nil
    }
    #expect(alarms == [.massSilence(silent: 6, of: 6, faultDomains: 3)])
    #expect(
      "\(alarms[0])" == "6 of 6 nodes in 3 fault domains fell silent at once: "
        + "the control plane may be cut off, and moves nothing")
  }

  @Test func `those that are held are looked at again within a bounded time`() {
    var script = Self.fleet(Self.spread)
    script.advance(.seconds(2))
    for _ in 0..<20 {
      guard let deadline = script.tracker.nextDeadline else {
        Issue.record("nobody looks again")
        return
      }
      #expect(deadline - script.now.monotonic <= .milliseconds(400))
      script.advance(deadline - script.now.monotonic)
    }
  }

  @Test func `when it is over nobody was lost, and those still silent are given time anew`() {
    var script = Self.fleet(Self.spread)
    script.advance(.seconds(5))
    var words: [String] = []
    for node in nodes(2) { words += script.beat(node) }
    #expect(!words.contains("no alarm"))
    words = script.beat(nodes(3)[2])
    #expect(words == ["n3: suspect -> healthy (heardAgain)", "no alarm"])
    // Half of them are still silent; they come one after the other.
    for node in nodes(6).suffix(3) {
      #expect(Self.moves(script.live(nodes(3), for: 1)) == [])
      #expect(script.beat(node) == ["\(node): suspect -> healthy (heardAgain)"])
    }
  }

  @Test func `those that stay silent after it are lost`() {
    var script = Self.fleet(Self.spread)
    script.advance(.seconds(5))
    for node in nodes(4) { script.beat(node) }
    let words = script.live(nodes(4), for: 6)
    #expect(Self.moves(words) == ["move from n5 (silence)", "move from n6 (silence)"])
  }

  @Test func `half of the fleet is no mass, more is`() {
    var script = Self.fleet(Self.spread)
    let half = script.live(nodes(3), for: 12)
    #expect(Self.moves(half).count == 3)
    var other = Self.fleet(Self.spread)
    let more = other.live(nodes(2), for: 12)
    #expect(Self.moves(more) == [])
    #expect(more.contains("alarm"))
  }

  @Test func `silence within one fault domain is the loss of that domain`() {
    var script = Self.fleet(["a", "a", "a", "a", "b"])
    let words = script.live([nodes(5)[4]], for: 12)
    #expect(Self.moves(words).count == 4)
    #expect(!words.contains("alarm"))
  }

  @Test func `nodes without a fault domain fail each alone`() {
    var script = Self.fleet([nil, nil, nil, nil])
    let words = script.live([nodes(1)[0]], for: 12)
    #expect(Self.moves(words) == [])
    #expect(words.contains("alarm"))
  }

  @Test func `fewer than four nodes have no mass`() {
    var script = Self.fleet(["a", "b", "c"])
    let words = script.advance(.seconds(2))
    #expect(Self.moves(words).count == 3)
    #expect(!words.contains("alarm"))
  }

  @Test(arguments: DeathEvidence.allCases)
  func `positive evidence counts during mass silence`(_ evidence: DeathEvidence) {
    var script = Self.fleet(Self.spread)
    script.advance(.seconds(2))
    let node = nodes(1)[0]
    #expect(
      script.tell(.deathWitnessed(node, Incarnation(1), evidence))
        == [
          "n1: suspect -> unavailable (\(evidence.rawValue))",
          "move from n1 (\(evidence.rawValue))",
        ])
    #expect(script.state(nodes(2)[1]) == .suspect)
  }

  @Test func `deaths that were witnessed are no silence`() {
    var script = Self.fleet(Self.spread)
    for node in nodes(5) { script.tell(.deathWitnessed(node, Incarnation(1), .connectionClosed)) }
    let words = script.live([nodes(6)[5]], for: 12)
    #expect(words == [])
  }

  @Test func `those that beat irregularly are counted before the regular ones are lost`() {
    var script = Self.fleet(Self.spread)
    for index in 0..<40 {
      script.advance(.milliseconds(index.isMultiple(of: 2) ? 30 : 170))
      // The first three beat regularly, the others as their gaps come.
      for node in nodes(6).suffix(3) { script.beat(node) }
      if !index.isMultiple(of: 2) { for node in nodes(3) { script.beat(node) } }
    }
    let words = script.advance(.seconds(3))
    #expect(Self.moves(words) == [])
    #expect(words.contains("alarm"))
  }

  @Test func `who was lost a moment ago counts as silent, who was lost long ago does not`() {
    // Five of eight fall silent, two of them half a second before the others.
    let domains: [String?] = ["a", "b", "c", "d", "e", "f", "g", "h"]
    var script = Self.fleet(domains)
    var words = script.live(nodes(8).suffix(6), for: 5)
    words += script.live(nodes(8).suffix(3), for: 12)
    #expect(Self.moves(words) == ["move from n1 (silence)", "move from n2 (silence)"])
    #expect(words.contains("alarm"))

    var other = Self.fleet(domains)
    words = other.live(nodes(8).suffix(6), for: 40)
    words += other.live(nodes(8).suffix(3), for: 12)
    #expect(Self.moves(words).count == 5)
    #expect(!words.contains("alarm"))
  }

  @Test func `a control plane that finds nobody after its start moves nothing`() {
    var script = TrackerScript()
    script.tell(.started)
    for (node, domain) in zip(nodes(6), Self.spread) {
      script.tell(.expected(registration(node, domain: domain)))
    }
    let words = script.advance(.seconds(20))
    #expect(words == ["alarm"])
  }

  @Test func `those that have not come yet are not silent`() {
    var script = TrackerScript()
    script.tell(.started)
    for (node, domain) in zip(nodes(6), Self.spread) {
      script.tell(.expected(registration(node, domain: domain)))
    }
    let first = nodes(1)[0]
    script.register(first)
    script.tell(.adopted(first))
    let words = script.advance(.seconds(2))
    #expect(Self.moves(words) == ["move from n1 (silence)"])
    #expect(!words.contains("alarm"))
  }

  @Test func `an operator who forgets those that are silent ends it`() {
    var script = Self.fleet(Self.spread)
    let alive = Array(nodes(6).suffix(2))
    script.live(alive, for: 12)
    #expect(script.tracker.massSilence != nil)
    #expect(
      script.tell(.forgetRequested(nodes(1)[0]))
        == ["n1: suspect -> unavailable (forgotten)", "move from n1 (forgotten)"])
    #expect(script.tell(.forgetRequested(nodes(2)[1])).last == "no alarm")
  }

  @Test func `a node that moves to another fault domain is counted there`() {
    var script = Self.fleet(["a", "a", "a", "a", "b"])
    for node in nodes(3) { script.register(node, domain: "c") }
    script.live(nodes(5), for: 10)
    let words = script.live([nodes(5)[4]], for: 12)
    #expect(Self.moves(words) == [])
    #expect(words.contains("alarm"))
  }

  @Test func `a fault domain that was silent and is heard again is not silent`() {
    var script = Self.fleet(["a", "a", "a", "a", "b"])
    // The other domain is suspected for a moment, and comes back.
    script.live(Array(nodes(4)), for: 4)
    #expect(script.state(nodes(5)[4]) == .suspect)
    script.live(nodes(5), for: 40)
    let words = script.live([nodes(5)[4]], for: 12)
    #expect(Self.moves(words).count == 4)
    #expect(!words.contains("alarm"))
  }
}
