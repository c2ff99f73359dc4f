import ClusterModel
import PropertyTesting
import Testing

@testable import Scheduling

/// What is known of round trips.
@Suite struct RoundTripTableTests {
  private static let zones = ["north", "south"].map { Zone(unchecked: $0) }
  private static let nodes = (0..<5).map { NodeID(unchecked: "n\($0)") }

  /// n0, n2 and n4 are in the north.
  private static func zone(_ node: NodeID) -> Zone? {
    nodes.firstIndex(of: node).map { zones[$0 % 2] }
  }

  private static func at(_ seconds: Int) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(seconds) * 1_000_000_000)
  }

  private func measure(
    _ table: inout RoundTripTable, _ from: Int, _ to: RoundTripTarget, _ microseconds: Int64,
    at seconds: Int = 0
  ) -> [RoundTripTable.Change] {
    table.measured(
      from: Self.nodes[from], [RoundTripSample(to: to, microseconds: microseconds)],
      at: Self.at(seconds), zone: Self.zone)
  }

  private func change(_ zone: Int, _ node: Int, _ microseconds: Int64?) -> RoundTripTable.Change {
    RoundTripTable.Change(
      zone: Self.zones[zone], node: Self.nodes[node],
      roundTrip: microseconds.map { .microseconds($0) })
  }

  @Test func `what is measured from one to another holds both ways, and is smoothed`() {
    var table = RoundTripTable()
    #expect(
      measure(&table, 0, .node(Self.nodes[1]), 1000) == [change(1, 0, 1000), change(0, 1, 1000)])
    #expect(
      measure(&table, 1, .node(Self.nodes[0]), 1800) == [change(1, 0, 1100), change(0, 1, 1100)])
    #expect(measure(&table, 1, .node(Self.nodes[0]), 1200) == [], "that is noise")
    #expect(
      table.roundTrip(from: Self.nodes[0], to: .node(Self.nodes[1]), at: Self.at(0))
        == .nanoseconds(1_112_500))
  }

  @Test func `a landmark counts before nodes, and of nodes the nearest`() {
    var table = RoundTripTable()
    _ = measure(&table, 0, .node(Self.nodes[1]), 5000)
    #expect(
      measure(&table, 0, .node(Self.nodes[3]), 3000) == [change(1, 0, 3000), change(0, 3, 3000)])
    #expect(measure(&table, 0, .landmark(Self.zones[1]), 9000) == [change(1, 0, 9000)])
  }

  @Test func `all that is known from a node and not old can be read`() {
    var table = RoundTripTable()
    _ = measure(&table, 0, .landmark(Self.zones[1]), 9000)
    _ = measure(&table, 0, .node(Self.nodes[1]), 700, at: 200)
    let trip = RoundTripSample(to: .node(Self.nodes[1]), microseconds: 700)
    #expect(
      table.all(from: Self.nodes[0], at: Self.at(200)) == [
        trip, RoundTripSample(to: .landmark(Self.zones[1]), microseconds: 9000),
      ])
    #expect(table.all(from: Self.nodes[0], at: Self.at(301)) == [trip])
    #expect(table.all(from: Self.nodes[4], at: Self.at(200)).isEmpty)
  }

  @Test func `what is old is forgotten, and what goes`() {
    var table = RoundTripTable()
    #expect(table.nextDeadline == nil)
    _ = measure(&table, 0, .landmark(Self.zones[1]), 9000)
    _ = measure(&table, 2, .node(Self.nodes[1]), 700, at: 200)
    #expect(table.wake(at: Self.at(299), zone: Self.zone) == [])
    #expect(table.wake(at: Self.at(309), zone: Self.zone) == [change(1, 0, nil)])
    #expect(
      table.forget(Self.nodes[1], at: Self.at(310), zone: Self.zone)
        == [change(0, 1, nil), change(1, 2, nil)])
    #expect(table.wake(at: Self.at(400), zone: Self.zone) == [])
    #expect(table.nextDeadline == nil, "nothing is left")
  }

  @Test func `what is no round trip, or to nobody, does not count`() {
    var table = RoundTripTable()
    for microseconds in [0, -1, .min, .max, 60_000_001] as [Int64] {
      #expect(measure(&table, 0, .landmark(Self.zones[0]), microseconds) == [])
    }
    #expect(measure(&table, 0, .node(Self.nodes[0]), 5) == [], "itself")
    #expect(measure(&table, 0, .node(NodeID(unchecked: "nobody")), 5) == [])
    let stranger = table.measured(
      from: NodeID(unchecked: "nobody"),
      [RoundTripSample(to: .landmark(Self.zones[0]), microseconds: 5)], at: Self.at(0),
      zone: Self.zone)
    #expect(stranger == [] && table.nextDeadline == nil)
  }

  @Test func `a node that names very many has no more remembered than others`() {
    var table = RoundTripTable()
    for number in 0..<500 {
      _ = table.measured(
        from: Self.nodes[0],
        [
          RoundTripSample(
            to: .landmark(Zone(unchecked: "z\(number)")), microseconds: 10)
        ], at: Self.at(number / 100), zone: Self.zone)
    }
    let known = (0..<500).filter { number in
      table.roundTrip(
        from: Self.nodes[0], to: .landmark(Zone(unchecked: "z\(number)")), at: Self.at(5)) != nil
    }
    #expect(known.count == RoundTripTable.mostTargets && known.contains(499))
  }

  private enum Step: Hashable {
    case measure(Int, Int, Int64)
    case wait(Int)
    case forget(Int)
  }

  private static let step = Generator<Step>.oneOf([
    zip(
      Generator<Int>.int(in: 0...4), Generator<Int>.int(in: 0...6),
      Generator<Int64>.int(in: 1...50_000)
    ).map { .measure($0, $1, $2) },
    Generator<Int>.int(in: 1...200).map { .wait($0) },
    Generator<Int>.int(in: 0...4).map { .forget($0) },
  ])

  private struct Wrong: Error, CustomStringConvertible { let description: String }

  // Feature: wasmatrix, Property 6: For any workload scheduling decision, proximity and latency decide
  @Test func `what was told is what was measured, within the noise`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: measured round trips", cases: 200,
      Self.step.array(count: 1...60)
    ) { steps in
      var table = RoundTripTable()
      var told: [String: Double] = [:]
      var now = 0
      func hear(_ changes: [RoundTripTable.Change]) {
        for change in changes {
          told["\(change.zone) \(change.node)"] = change.roundTrip.map { Double($0.nanoseconds) }
        }
      }
      for step in steps {
        switch step {
        case .measure(let from, let to, let trip):
          let target: RoundTripTarget =
            to < 5 ? .node(Self.nodes[to]) : .landmark(Self.zones[to - 5])
          hear(
            table.measured(
              from: Self.nodes[from], [RoundTripSample(to: target, microseconds: trip)],
              at: Self.at(now), zone: Self.zone))
        case .wait(let seconds):
          now += seconds
          hear(table.wake(at: Self.at(now), zone: Self.zone))
        case .forget(let node):
          hear(table.forget(Self.nodes[node], at: Self.at(now), zone: Self.zone))
        }
        // What has become old since the last look is forgotten with the next.
        guard table.nextDeadline.map({ $0 > Self.at(now) }) ?? true else { continue }
        for node in Self.nodes {
          for zone in Self.zones {
            let known = told["\(zone) \(node)"]
            // It is looked for what is old every 10 s: what is told may be as late.
            let fits = (0...10).contains { late in
              let exact = Self.exact(table, node, zone, Self.at(now - late))
              guard let exact, let known else { return exact == nil && known == nil }
              return abs(exact - known) <= known * 0.05 + 1
            }
            guard fits else {
              throw Wrong(description: "\(zone) to \(node): told \(known ?? 0)")
            }
          }
        }
      }
      return true
    }
  }

  private static func exact(
    _ table: RoundTripTable, _ node: NodeID, _ zone: Zone, _ now: MonotonicInstant
  ) -> Double? {
    if let landmark = table.roundTrip(from: node, to: .landmark(zone), at: now) {
      return Double(landmark.nanoseconds)
    }
    return nodes.filter { Self.zone($0) == zone }
      .compactMap { table.roundTrip(from: node, to: .node($0), at: now) }.min()
      .map { Double($0.nanoseconds) }
  }
}
