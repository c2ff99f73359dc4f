import ClusterModel
import Testing

@testable import NodeTracking

@Suite struct UnreadVitalSignsTests {
  private func heartbeat(_ node: String, _ sequence: UInt64) -> Heartbeat {
    Heartbeat(
      node: NodeID(unchecked: node), incarnation: Incarnation(1), sequence: sequence, progress: 0,
      isBusy: false, load: .idle)
  }

  private func instant(_ milliseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
  }

  private func put(
    _ signs: inout UnreadVitalSigns, _ sign: VitalSign, at now: MonotonicInstant
  ) -> Bool {
    signs.put(sign, at: now)
  }

  /// What is taken, in words.
  private func read(_ signs: inout UnreadVitalSigns, andComesAgain: Bool = false) -> [String] {
    let taken = signs.takeAll(andComesAgain: andComesAgain)
    return taken.heartbeats.map {
      "\($0.heartbeat.node) \($0.heartbeat.sequence) at \($0.arrival.nanoseconds / 1_000_000)"
    } + taken.deaths.map { "\($0.node) died" } + (taken.areReadAgain ? ["again"] : [])
  }

  @Test func `of heartbeats that nobody has read the newest of each node is left`() {
    var signs = UnreadVitalSigns()
    var calls = 0
    for sequence in 1...10_000 {
      for node in ["b", "a"]
      where put(&signs, .heartbeat(heartbeat(node, UInt64(sequence))), at: instant(Int64(sequence)))
      {
        calls += 1
      }
    }
    #expect(calls == 1, "somebody is sent for once")
    #expect(read(&signs) == ["a 10000 at 10000", "b 10000 at 10000"])
  }

  @Test func `what was read is not read again, and what comes then waits anew`() {
    var signs = UnreadVitalSigns()
    #expect(put(&signs, .heartbeat(heartbeat("a", 1)), at: instant(1)))
    #expect(!put(&signs, .death(NodeID(unchecked: "b"), Incarnation(1)), at: instant(2)))
    #expect(!put(&signs, .death(NodeID(unchecked: "a"), Incarnation(1)), at: instant(2)))
    #expect(read(&signs) == ["a 1 at 1", "b died", "a died"])
    #expect(read(&signs).isEmpty)
    #expect(put(&signs, .heartbeat(heartbeat("a", 2)), at: instant(3)))
  }

  @Test func `where somebody comes again heartbeats wait, and deaths do not`() {
    var signs = UnreadVitalSigns()
    #expect(put(&signs, .heartbeat(heartbeat("a", 1)), at: instant(1)))
    #expect(read(&signs, andComesAgain: true) == ["a 1 at 1", "again"])
    #expect(!put(&signs, .heartbeat(heartbeat("a", 2)), at: instant(6)))
    #expect(!put(&signs, .heartbeat(heartbeat("b", 7)), at: instant(7)))
    #expect(put(&signs, .death(NodeID(unchecked: "c"), Incarnation(1)), at: instant(8)))
    #expect(
      !put(&signs, .death(NodeID(unchecked: "d"), Incarnation(1)), at: instant(8)), "sent for")
    #expect(
      read(&signs, andComesAgain: true) == ["a 2 at 6", "b 7 at 7", "c died", "d died", "again"])
    #expect(read(&signs, andComesAgain: true).isEmpty, "nobody beats: nobody comes again")
    #expect(put(&signs, .heartbeat(heartbeat("a", 3)), at: instant(11)), "so that it is sent for")
  }

  @Test func `deaths that nobody reads are bounded`() {
    var signs = UnreadVitalSigns()
    for number in 0..<UInt64(UnreadVitalSigns.mostDeaths + 5) {
      _ = put(&signs, .death(NodeID(unchecked: "a"), Incarnation(number)), at: instant(0))
    }
    #expect(signs.takeAll(andComesAgain: false).deaths.count == UnreadVitalSigns.mostDeaths)
  }
}
