import ClusterModel
import Testing

@testable import NodeTracking

@Suite struct VitalsTests {
  private static let node = TrackerScript.node

  /// Beats of a node, one each interval, for so many intervals; each with the progress of its number.
  private static func work(
    _ script: inout TrackerScript, for intervals: Int, getsOn: Bool, isBusy: Bool = true
  ) -> [String] {
    var words: [String] = []
    for _ in 0..<intervals {
      words += script.advance(TrackerScript.interval)
      let progress = script.tracker.nodes[node]?.vitals.progress ?? 0
      words += script.beat(progress: getsOn ? progress + 1 : progress, isBusy: isBusy)
    }
    return words
  }

  private static func started() -> TrackerScript {
    var script = TrackerScript()
    script.register()
    #expect(work(&script, for: 10, getsOn: true) == [])
    return script
  }

  @Test func `a busy node that does not get on is degraded, then lost, although it beats`() {
    var script = Self.started()
    #expect(Self.work(&script, for: 9, getsOn: false) == [])
    #expect(Self.work(&script, for: 1, getsOn: false) == ["n1: healthy -> degraded (stuck)"])
    #expect(Self.work(&script, for: 19, getsOn: false) == [])
    #expect(
      Self.work(&script, for: 1, getsOn: false)
        == ["n1: degraded -> unavailable (stuck)", "move from n1 (stuck)"])
    #expect(Self.work(&script, for: 100, getsOn: false) == [])
  }

  @Test func `an idle node need not get on`() {
    var script = Self.started()
    #expect(Self.work(&script, for: 100, getsOn: false, isBusy: false) == [])
  }

  @Test func `a step in time is enough`() {
    var script = Self.started()
    for _ in 0..<10 {
      #expect(Self.work(&script, for: 9, getsOn: false) == [])
      #expect(Self.work(&script, for: 1, getsOn: true) == [])
    }
  }

  @Test func `a degraded node that gets on is healthy`() {
    var script = Self.started()
    _ = Self.work(&script, for: 15, getsOn: false)
    #expect(Self.work(&script, for: 1, getsOn: true) == ["n1: degraded -> healthy (relieved)"])
  }

  @Test func `a node that was lost because it was stuck comes back when it gets on, no sooner`() {
    var script = Self.started()
    _ = Self.work(&script, for: 31, getsOn: false)
    #expect(script.register() == ["adopt n1"])
    #expect(script.tell(.adopted(Self.node)) == [])
    #expect(Self.work(&script, for: 5, getsOn: false) == [])
    #expect(
      Self.work(&script, for: 1, getsOn: true)
        == ["n1: unavailable -> recovered (relieved)", "n1: recovered -> healthy (adopted)"])
  }

  @Test func `a node that comes back from silence and is still stuck is degraded when adopted`() {
    var script = Self.started()
    _ = Self.work(&script, for: 15, getsOn: false)
    script.advance(.seconds(2))
    script.beat(progress: 10, isBusy: true)
    #expect(script.state() == .recovered)
    #expect(script.tell(.adopted(Self.node)) == ["n1: recovered -> degraded (adopted)"])
    #expect(Self.work(&script, for: 29, getsOn: false) == [])
    #expect(
      Self.work(&script, for: 1, getsOn: false)
        == ["n1: degraded -> unavailable (stuck)", "move from n1 (stuck)"])
  }

  @Test func `an overloaded node is degraded until it has room again`() {
    var script = Self.started()
    #expect(script.beat(cpu: 94.9, memory: 94.9) == [])
    #expect(script.beat(cpu: 95) == ["n1: healthy -> degraded (overloaded)"])
    #expect(script.beat(cpu: 86) == [])
    #expect(script.beat(memory: 85) == [])
    #expect(script.beat(cpu: 84.9, memory: 84.9) == ["n1: degraded -> healthy (relieved)"])
    #expect(script.beat(memory: 95) == ["n1: healthy -> degraded (overloaded)"])
  }

  @Test func `an overloaded node is never lost for that`() {
    var script = Self.started()
    script.beat(cpu: 99)
    for _ in 0..<100 {
      script.advance(TrackerScript.interval)
      #expect(script.beat(cpu: 99) == [])
    }
  }

  @Test func `a node whose heartbeats come rarely is degraded until they come regularly`() {
    var script = Self.started()
    var words: [String] = []
    // Each time shorter than the silence that is suspicious, once that is known of it.
    for _ in 0..<60 {
      words += script.advance(.milliseconds(220))
      words += script.beat()
    }
    #expect(words.last == "n1: healthy -> degraded (beatsRarely)")
    words = script.live(for: 15)
    #expect(script.state() == .degraded)
    words += script.live(for: 15)
    #expect(words == ["n1: degraded -> healthy (relieved)"])
  }
}
