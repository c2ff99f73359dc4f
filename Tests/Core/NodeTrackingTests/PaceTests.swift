import ClusterModel
import PropertyTesting
import Testing

@testable import NodeTracking

/// More nodes beat less often.
@Suite struct PaceTests {
  private static func nodes(_ count: Int) -> [NodeID] {
    (0..<count).map { NodeID(unchecked: "n\($0)") }
  }

  @Test func `the interval is doubled when there are too many nodes, and no sooner`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 2: all heartbeats together stay below what is taken in a second",
      cases: 200,
      zip(
        Generator<Int>.int(in: 1...300), Generator<Int>.int(in: 1...600),
        Generator<Int>.int(in: 1...20_000))
    ) { count, milliseconds, most in
      var script = TrackerScript {
        $0.heartbeatInterval = .milliseconds(milliseconds)
        $0.heartbeatsPerSecond = most
      }
      let base = Duration.milliseconds(milliseconds)
      let slowest = max(base, NodeTracker.Configuration.slowest)
      func fits(_ members: Int, _ interval: Duration) -> Bool {
        Int64(members) * 1_000_000_000 / interval.nanoseconds <= most
      }
      var told = base
      for (index, node) in Self.nodes(count).enumerated() {
        let changes = script.register(node).filter { $0.hasPrefix("every") }
        let interval = script.tracker.heartbeatInterval
        guard changes == (interval == told ? [] : ["every \(interval)"]) else { return false }
        // So much was needed, and no more; and it is one of the steps.
        guard interval == slowest || fits(index + 1, interval) else { return false }
        guard interval == told || !fits(index + 1, told) else { return false }
        var step = base
        while step < interval { step = min(step * 2, slowest) }
        guard step == interval else { return false }
        told = interval
      }
      return script.tracker.ownInterval(of: NodeID(unchecked: "n0")) == (told > base ? told : nil)
    }
  }

  @Test
  func `nobody is suspected for beating as it was told before, nor for beating as it is told now`()
  {
    var script = TrackerScript { $0.heartbeatsPerSecond = 40 }
    let four = Self.nodes(4)
    for node in four { #expect(!script.register(node).contains { $0.hasPrefix("every") }) }
    #expect(script.live(four, for: 50).isEmpty)
    let fifth = NodeID(unchecked: "n4")
    #expect(script.register(fifth).last == "every 0.2 seconds")
    // They have not heard of it yet, and then they have.
    #expect(script.live(four + [fifth], for: 20).isEmpty)
    for _ in 0..<50 {
      #expect(script.advance(.milliseconds(200)).isEmpty)
      for node in four + [fifth] { #expect(script.beat(node).isEmpty) }
    }
    // Who is silent now is lost by the new interval.
    let start = script.now.monotonic
    var lostAt: MonotonicInstant?
    for _ in 0..<12 {
      for (at, directive) in script.directives(during: .milliseconds(200)) {
        if case .moveWork(let node, .silence) = directive {
          #expect(node == fifth)
          lostAt = at
        }
      }
      for node in four { script.beat(node) }
    }
    let silence = lostAt.map { $0 - start }
    #expect(silence.map { $0 >= .milliseconds(1200) && $0 <= .milliseconds(2000) } == true)
    // Fewer nodes do not make it shorter again.
    #expect(script.tracker.heartbeatInterval == .milliseconds(200))
  }
}
