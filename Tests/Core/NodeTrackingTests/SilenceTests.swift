import ClusterModel
import Testing

@testable import NodeTracking

/// Intervals are 100 ms: suspicion between 200 and 400 ms of silence, loss between 600 and 1000 ms.
@Suite struct SilenceTests {
  private static let node = TrackerScript.node

  /// How long a node is silent until it is suspected, and until it is lost.
  private static func patience(
    _ script: inout TrackerScript
  ) -> (suspected: Duration?, lost: Duration?) {
    let start = script.now.monotonic
    var suspected: Duration?
    var lost: Duration?
    for (at, directive) in script.directives(during: .seconds(3)) {
      switch directive {
      case .stateChanged(_, _, .suspect, _): suspected = at - start
      case .moveWork: lost = at - start
      case .stateChanged, .adopt, .scheduleChanged, .drain, .refuse, .raiseAlarm, .clearAlarm,
        .intervalChanged:
        break
      }
    }
    return (suspected, lost)
  }

  @Test func `a node that beats regularly is suspected and lost at the floors`() {
    var script = TrackerScript()
    script.register()
    #expect(script.live(for: 40) == [])
    let patience = Self.patience(&script)
    #expect(patience.suspected == .milliseconds(200))
    #expect(patience.lost == .milliseconds(600))
  }

  @Test func `a node that beats and does not hear is suspected and lost like one that is silent`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 40)
    let deaf = script.now.monotonic
    var seen: [(Duration, String)] = []
    for beat in 1...12 {
      for (at, directive) in script.directives(during: TrackerScript.interval) {
        seen.append((at - deaf, describe(directive)))
      }
      #expect(script.beat(heardAgo: TrackerScript.interval * beat) == [])
    }
    #expect(
      seen.map(\.1) == [
        "n1: healthy -> suspect (silent)", "n1: suspect -> unavailable (silent)",
        "move from n1 (silence)",
      ])
    // It was a sign of life for as long as it might not have heard anything for so long.
    #expect(seen.map(\.0) == [600, 1000, 1000].map { .milliseconds($0) })
    #expect(script.tracker.nodes[TrackerScript.node]?.vitals.sequence == 52)
    // Nothing is left out of the rhythm.
    #expect(
      script.beat(heardAgo: .milliseconds(400)) == [
        "n1: unavailable -> recovered (heardAgain)", "adopt n1",
      ])
  }

  @Test func `a suspect that does not hear stays one, and is none when it hears`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 40)
    #expect(script.advance(.milliseconds(300)) == ["n1: healthy -> suspect (silent)"])
    #expect(script.beat(heardAgo: .milliseconds(401)) == [])
    #expect(script.beat(heardAgo: .milliseconds(400)) == ["n1: suspect -> healthy (heardAgain)"])
  }

  @Test func `a node whose rhythm is not known is given the ceilings`() {
    var script = TrackerScript()
    script.register()
    let patience = Self.patience(&script)
    #expect(patience.suspected == .milliseconds(400))
    #expect(patience.lost == .milliseconds(1000))
  }

  @Test func `a node that beats irregularly is given more time, up to the ceilings`() {
    var script = TrackerScript()
    script.register()
    for index in 0..<40 {
      script.advance(.milliseconds(index.isMultiple(of: 2) ? 70 : 130))
      script.beat()
    }
    // The mean gap is 100 ms, the mean deviation 30 ms.
    var other = script
    let patience = Self.patience(&script)
    #expect(patience.suspected == .milliseconds(250))
    #expect(patience.lost == .milliseconds(600))
    for index in 0..<40 {
      other.advance(.milliseconds(index.isMultiple(of: 2) ? 20 : 180))
      other.beat()
    }
    let longer = Self.patience(&other)
    #expect(longer.suspected == .milliseconds(400))
    #expect(longer.lost == .milliseconds(1000))
  }

  @Test func `only the recent rhythm counts`() {
    var script = TrackerScript()
    script.register()
    for index in 0..<40 {
      script.advance(.milliseconds(index.isMultiple(of: 2) ? 20 : 180))
      script.beat()
    }
    script.live(for: 32)
    #expect(Self.patience(&script).lost == .milliseconds(600))
  }

  @Test func `an outage is not part of the rhythm`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    script.advance(.seconds(5))
    script.beat()
    script.tell(.adopted(Self.node))
    #expect(script.tracker.nodes[Self.node]?.rhythm.mean == 100_000_000)
    #expect(script.live(for: 10) == [])
  }

  @Test func `a suspect that is heard is healthy again, without its work being moved`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    #expect(script.advance(.milliseconds(300)) == ["n1: healthy -> suspect (silent)"])
    #expect(script.beat() == ["n1: suspect -> healthy (heardAgain)"])
  }

  @Test func `heartbeats that are doubled, overtaken or of another start are no sign of life`() {
    var script = TrackerScript()
    script.register(incarnation: 7)
    script.live(for: 10)
    for late in [
      heartbeat(Self.node, incarnation: 7, sequence: 10),
      heartbeat(Self.node, incarnation: 7, sequence: 3),
      heartbeat(Self.node, incarnation: 6, sequence: 99),
      heartbeat(Self.node, incarnation: 8, sequence: 99),
    ] {
      script.advance(.milliseconds(20))
      #expect(script.tell(.heartbeatReceived(late, at: script.now.monotonic)) == [])
    }
    #expect(script.advance(.milliseconds(120)) == ["n1: healthy -> suspect (silent)"])
  }

  @Test func `silence counts from when a heartbeat arrived, not from when it was read`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    // The next one lies for a while, and is read before it would have been too late.
    script.advance(.milliseconds(150))
    script.tell(
      .heartbeatReceived(
        heartbeat(Self.node, sequence: 11), at: script.now.monotonic + .milliseconds(-50)))
    #expect(script.advance(.milliseconds(90)) == [])
    #expect(script.advance(.milliseconds(60)) == ["n1: healthy -> suspect (silent)"])
  }

  @Test func `a heartbeat is never of the future, nor older than what was heard since`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    let heardAt = script.tracker.nodes[Self.node]?.heardAt
    #expect(heardAt == script.now.monotonic)
    script.sleep(.milliseconds(1))
    script.tell(
      .heartbeatReceived(
        heartbeat(Self.node, sequence: 11), at: script.now.monotonic + .milliseconds(-50)))
    #expect(script.tracker.nodes[Self.node]?.heardAt == heardAt)
    script.tell(
      .heartbeatReceived(
        heartbeat(Self.node, sequence: 12), at: script.now.monotonic + .seconds(9)))
    #expect(script.tracker.nodes[Self.node]?.heardAt == script.now.monotonic)
  }

  @Test func `what was silent before the control plane started means nothing`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    script.advance(.milliseconds(190))
    script.tell(.started)
    #expect(script.advance(.milliseconds(190)) == [])
    #expect(script.advance(.milliseconds(20)) == ["n1: healthy -> suspect (silent)"])
  }

  @Test func `a node that is expected has a grace, and is lost after it`() {
    var script = TrackerScript()
    script.tell(.started)
    #expect(
      script.tell(.expected(registration(Self.node))) == ["n1: new -> suspect (expected)"])
    #expect(script.advance(.milliseconds(4999)) == [])
    #expect(
      script.advance(.milliseconds(1))
        == ["n1: suspect -> unavailable (silent)", "move from n1 (silence)"])
  }

  @Test func `a node that is known already is not expected`() {
    var script = TrackerScript()
    script.register()
    #expect(script.tell(.expected(registration(Self.node))) == [])
    #expect(script.state() == .healthy)
  }

  // The control plane's own loop.

  @Test func `a control plane that slept blames nobody`() {
    var script = TrackerScript()
    for node in nodes(3) { script.register(node) }
    script.live(nodes(3), for: 10)
    script.sleep(.seconds(60))
    #expect(script.tell(.deadlineReached) == [])
    #expect(script.advance(.milliseconds(199)) == [])
    #expect(script.advance(.milliseconds(1)).count == 3)
    #expect(script.advance(.milliseconds(399)) == [])
    #expect(script.advance(.milliseconds(1)).count == 6)
  }

  @Test func `any input shows that the control plane slept`() {
    var script = TrackerScript()
    for node in nodes(3) { script.register(node) }
    script.live(nodes(3), for: 10)
    script.sleep(.seconds(60))
    #expect(script.beat(nodes(3)[0]) == [])
    #expect(script.tell(.deadlineReached) == [])
    #expect(script.tracker.allNodes.allSatisfy { $0.state == .healthy })
  }

  @Test func `a loop that is late by no more than an interval is punctual`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    script.advance(.milliseconds(150))
    var late = script
    script.sleep(.milliseconds(150))
    #expect(script.tell(.deadlineReached) == ["n1: healthy -> suspect (silent)"])
    late.sleep(.milliseconds(150) + .nanoseconds(1))
    #expect(late.tell(.deadlineReached) == [])
  }

  @Test func `workers are not blamed for what the control plane missed`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    script.beat(isBusy: true)
    script.sleep(.seconds(60))
    #expect(script.beat(isBusy: true) == [])
    #expect(script.state() == .healthy)
  }

  @Test func `gaps while the control plane slept are not part of the rhythm`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 10)
    // Less than the ceiling, so that only its own lateness tells.
    script.sleep(.milliseconds(900))
    script.beat()
    #expect(script.tracker.nodes[Self.node]?.rhythm.mean == 100_000_000)
  }

  // Cost.

  @Test func `a heartbeat needs no place in the heap`() {
    var script = TrackerScript()
    let fleet = nodes(200)
    for node in fleet { script.register(node) }
    for _ in 0..<50 {
      script.live(fleet, for: 1)
      #expect(script.tracker.alarmCount <= 4 * fleet.count + 64)
    }
    let before = script.tracker.alarmCount
    for node in fleet { script.beat(node) }
    #expect(script.tracker.alarmCount == before)
  }

  @Test func `nobody is woken for a node that beats, and in time for the one that does not`() {
    var script = TrackerScript()
    let fleet = nodes(20)
    for node in fleet { script.register(node) }
    script.live(fleet, for: 10)
    let last = script.now.monotonic
    while script.state(fleet[0]) == .healthy, script.now.monotonic - last < .seconds(1) {
      #expect((script.tracker.nextDeadline ?? last) - last >= .milliseconds(200))
      script.live(Array(fleet.dropFirst()), for: 1)
    }
    #expect(script.state(fleet[0]) == .suspect)
    #expect(script.now.monotonic - last == .milliseconds(200))
  }

  @Test func `void alarms do not pile up`() {
    var script = TrackerScript()
    for round in 0..<500 {
      let node = NodeID(unchecked: "n\(round)")
      script.register(node)
      script.tell(.forgetRequested(node))
    }
    #expect(script.tracker.alarmCount <= 65)
    #expect(script.tracker.census.members == 0)
    script.register(Self.node)
    script.live(for: 10)
    #expect(Self.patience(&script).lost == .milliseconds(600))
  }
}
