import ClusterModel
import ControlPlaneLogic
import Scheduling

// How far away nodes are from each other and from landmarks.
extension World {
  /// One node tells what it has measured: some of it nonsense, some to what is not there.
  func measureRoundTrips() {
    if isTroubled {
      timeline.plan(.roundTripsAreMeasured, after: calling.interval(mean: .milliseconds(400)))
    }
    let index = calling.index(below: agents.count)
    guard agents[index].isUp, hasLink(index), !isCut(index, .toPlane) else { return }
    var samples: [RoundTripSample] = []
    for _ in 0..<(1 + calling.index(below: 5)) {
      let other = agents[calling.index(below: agents.count)]
      let to: RoundTripTarget =
        calling.happens(0.5) ? .node(other.node) : .landmark(other.location.zone)
      samples.append(
        RoundTripSample(
          to: to,
          microseconds: calling.happens(0.1)
            ? Int64(truncatingIfNeeded: calling.next())
            : Int64(100 + calling.index(below: 80_000))))
    }
    samples.append(RoundTripSample(to: .node(NodeID(unchecked: "nobody")), microseconds: 5))
    tellPlane(logicLife, .roundTripsMeasured(from: agents[index].node, samples))
    checkRoundTrips(samples, from: index)
  }

  /// What is remembered lies within what can be: what hung, or came from nobody, does not count.
  private func checkRoundTrips(_ samples: [RoundTripSample], from index: Int) {
    guard let plane, plane.hasBegun else { return }
    let now = planeClock.instants(at: timeline.now).monotonic
    for sample in samples {
      guard
        let trip = plane.roundTrips.roundTrip(from: agents[index].node, to: sample.to, at: now)
      else { continue }
      if trip <= .zero || trip > .seconds(60) || sample.to == .node(NodeID(unchecked: "nobody")) {
        checker.fail("a round trip of \(trip) from \(agents[index].node) is remembered", self)
      }
    }
  }
}
