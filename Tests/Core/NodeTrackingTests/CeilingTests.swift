import ClusterModel
import Testing

@testable import NodeTracking

/// How long any node may be silent at the most.
@Suite struct CeilingTests {
  private static func configuration(
    _ punctuality: HeartbeatPunctuality, _ milliseconds: Int
  ) -> NodeTracker.Configuration {
    var configuration = NodeTracker.Configuration.datagrams(punctuality)
    configuration.heartbeatCeiling = .milliseconds(milliseconds)
    return configuration
  }

  private static func bounds(_ silence: NodeTracker.SilenceRules?) -> [Int?] {
    [
      silence?.suspicionFloor, silence?.suspicionCeiling, silence?.lossFloor, silence?.lossCeiling,
    ]
  }

  @Test func `the other bounds keep their proportion to it`() {
    let scaled = Self.configuration(.realTime, 200).inIntervals
    #expect(scaled.heartbeatCeiling == nil)
    #expect(Self.bounds(scaled.silence) == [8, 16, 24, 40])
    #expect(scaled.silence.lateness == 4)
    #expect(Self.bounds(scaled.ordinary?.silence) == [2, 12, 13, 20])
    #expect(scaled.massSilence.window == 80)
    #expect(scaled.massSilence.lookAgain == 16)
  }

  @Test func `without one everything is as the rules say`() {
    let usual = NodeTracker.Configuration.datagrams(.realTime)
    #expect(usual.inIntervals == usual)
  }

  @Test func `it counts for all nodes, however they are scheduled`() {
    var script = TrackerScript { $0 = Self.configuration(.realTime, 1000) }
    for (node, punctuality) in zip(nodes(2), HeartbeatPunctuality.allCases) {
      script.register(node, punctuality: punctuality)
    }
    let start = script.now.monotonic
    var changes: [String: Duration] = [:]
    for (at, directive) in script.directives(during: .seconds(2)) {
      changes[describe(directive)] = at - start
    }
    // Their rhythm is not known: they are given the ceilings.
    #expect(changes["n1: healthy -> suspect (silent)"] == .milliseconds(400))
    #expect(changes["n2: healthy -> suspect (silent)"] == .milliseconds(600))
    #expect(changes["move from n1 (silence)"] == .milliseconds(1000))
    #expect(changes["move from n2 (silence)"] == .milliseconds(1000))
  }

  @Test(arguments: HeartbeatPunctuality.allCases)
  func `whatever is allowed makes valid rules, and is never passed`(
    punctuality: HeartbeatPunctuality
  ) throws {
    let (least, most) = NodeTracker.Configuration.datagrams(punctuality).ceilings
    let range = Int(least.nanoseconds / 1_000_000)...Int(most.nanoseconds / 1_000_000)
    for milliseconds in stride(from: range.lowerBound, through: range.upperBound, by: 7) {
      let configuration = Self.configuration(punctuality, milliseconds)
      try configuration.validate()
      let scaled = configuration.inIntervals
      try scaled.validate()
      let usual = NodeTracker.Pace(
        heartbeatInterval: scaled.heartbeatInterval, silence: scaled.silence)
      for pace in [usual, scaled.ordinary].compactMap({ $0 }) {
        let ceiling = pace.intervals(pace.silence.lossCeiling)
        #expect(ceiling <= .milliseconds(milliseconds))
        #expect(ceiling > .milliseconds(milliseconds) - pace.heartbeatInterval)
      }
    }
  }

  @Test(
    arguments: [
      (.realTime, 49, "50ms to 5000ms"), (.realTime, 5001, "50ms to 5000ms"),
      (.ordinary, 49, "50ms to 10000ms"), (.ordinary, 10_001, "50ms to 10000ms"),
    ] as [(HeartbeatPunctuality, Int, String)])
  func `one that leaves no room is refused, and the least is named`(
    punctuality: HeartbeatPunctuality, milliseconds: Int, range: String
  ) {
    do {
      try Self.configuration(punctuality, milliseconds).validate()
      Issue.record("\(milliseconds) ms are taken")
    } catch {
      #expect(error.field == "heartbeatCeiling")
      #expect(error.rule.hasPrefix(range))
    }
  }

  @Test func `the least follows the interval`() throws {
    var configuration = Self.configuration(.realTime, 25)
    configuration.ordinary?.heartbeatInterval = .milliseconds(5)
    try configuration.validate()
    #expect(Self.bounds(configuration.inIntervals.silence) == [1, 2, 3, 5])
    configuration.heartbeatInterval = .milliseconds(6)
    let slower = configuration
    #expect(throws: InvalidValue.self) { try slower.validate() }
  }
}
