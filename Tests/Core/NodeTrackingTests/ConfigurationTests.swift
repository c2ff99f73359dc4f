import ClusterModel
import Testing

@testable import NodeTracking

@Suite struct ConfigurationTests {
  private static func refused(
    _ change: (inout NodeTracker.Configuration) -> Void
  ) -> String? {
    var configuration = NodeTracker.Configuration()
    change(&configuration)
    do {
      try configuration.validate()
      return nil
    } catch {
      return error.field
    }
  }

  @Test func `the defaults are valid`() {
    #expect(Self.refused { _ in } == nil)
    #expect(Self.refused { $0.heartbeatInterval = .milliseconds(1) } == nil)
    #expect(Self.refused { $0.heartbeatInterval = .seconds(60) } == nil)
  }

  @Test func `the ends of every range are valid`() {
    let changes: [(inout NodeTracker.Configuration) -> Void] = [
      { $0.grace = .zero }, { $0.grace = .seconds(3600) },
      { $0.maximumNodes = 1 }, { $0.maximumNodes = 1_000_000 },
      { $0.silence.suspicionFloor = 1 }, { $0.silence.suspicionFloor = 4 },
      { $0.silence.lossFloor = 5 }, { $0.silence.lossFloor = 10 },
      { $0.silence.lossCeiling = 1000 },
      { $0.silence.suspicionDeviations = 1 }, { $0.silence.suspicionDeviations = 15 },
      { $0.silence.lossDeviations = 100 },
      { $0.silence.history = 4 }, { $0.silence.history = 256 }, { $0.silence.lateness = 2 },
      { $0.massSilence.percent = 1 }, { $0.massSilence.percent = 100 },
      { $0.massSilence.window = 1 }, { $0.massSilence.window = 10_000 },
      { $0.massSilence.lookAgain = 1 }, { $0.massSilence.lookAgain = 6 },
      { $0.vitals.stuckAfter = .nanoseconds(1) }, { $0.vitals.stuckAfter = .seconds(3) },
      { $0.vitals.overloadPercent = 100 },
      { $0.vitals.reliefPercent = 1 }, { $0.vitals.reliefPercent = 95 },
      { $0.vitals.regularPercent = 101 }, { $0.vitals.regularPercent = 200 },
      { $0.vitals.rarePercent = 100_000 },
    ]
    for change in changes { #expect(Self.refused(change) == nil) }
  }

  @Test func `settings out of their range, or that do not fit each other, are refused by name`() {
    let refused = Self.refused
    #expect(refused { $0.heartbeatInterval = .microseconds(999) } == "heartbeatInterval")
    #expect(refused { $0.heartbeatInterval = .seconds(61) } == "heartbeatInterval")
    #expect(refused { $0.heartbeatsPerSecond = 0 } == "heartbeatsPerSecond")
    #expect(refused { $0.grace = .seconds(-1) } == "grace")
    #expect(refused { $0.grace = .seconds(3601) } == "grace")
    #expect(refused { $0.maximumNodes = 0 } == "maximumNodes")
    #expect(refused { $0.maximumNodes = 1_000_001 } == "maximumNodes")
    #expect(refused { $0.silence.suspicionFloor = 0 } == "suspicionFloor")
    #expect(refused { $0.silence.suspicionFloor = 5 } == "suspicionFloor")
    #expect(refused { $0.silence.suspicionCeiling = 6 } == "lossFloor")
    #expect(refused { $0.silence.lossFloor = 11 } == "lossFloor")
    #expect(refused { $0.silence.lossCeiling = 1001 } == "lossCeiling")
    #expect(refused { $0.silence.suspicionDeviations = 0 } == "suspicionDeviations")
    #expect(refused { $0.silence.suspicionDeviations = 16 } == "suspicionDeviations")
    #expect(refused { $0.silence.lossDeviations = 101 } == "lossDeviations")
    #expect(refused { $0.silence.history = 3 } == "history")
    #expect(refused { $0.silence.history = 257 } == "history")
    #expect(refused { $0.silence.lateness = 0 } == "lateness")
    #expect(refused { $0.silence.lateness = 3 } == "lateness")
    #expect(refused { $0.massSilence.percent = 0 } == "massSilence.percent")
    #expect(refused { $0.massSilence.percent = 101 } == "massSilence.percent")
    #expect(refused { $0.massSilence.window = 0 } == "massSilence.window")
    #expect(refused { $0.massSilence.lookAgain = 7 } == "massSilence.lookAgain")
    #expect(refused { $0.vitals.stuckAfter = .zero } == "stuckAfter")
    #expect(refused { $0.vitals.stuckAfter = .seconds(4) } == "stuckAfter")
    #expect(refused { $0.vitals.overloadPercent = 101 } == "overloadPercent")
    #expect(refused { $0.vitals.reliefPercent = 96 } == "reliefPercent")
    #expect(refused { $0.vitals.regularPercent = 100 } == "regularPercent")
    #expect(refused { $0.vitals.regularPercent = 201 } == "regularPercent")
    #expect(refused { $0.vitals.rarePercent = 100_001 } == "rarePercent")
  }

  @Test func `ordinary nodes are judged by rules of their own, which are looked at, too`() {
    func refused(_ change: (inout NodeTracker.Pace) -> Void) -> String? {
      Self.refused {
        var pace = NodeTracker.Pace(
          heartbeatInterval: .milliseconds(100), silence: NodeTracker.SilenceRules())
        change(&pace)
        $0.ordinary = pace
      }
    }
    #expect(refused { _ in } == nil)
    #expect(refused { $0.heartbeatInterval = .milliseconds(1) } == nil)
    #expect(refused { $0.heartbeatInterval = .microseconds(999) } == "ordinary.heartbeatInterval")
    #expect(refused { $0.heartbeatInterval = .seconds(61) } == "ordinary.heartbeatInterval")
    #expect(refused { $0.silence.suspicionFloor = 0 } == "ordinary.suspicionFloor")
    #expect(refused { $0.silence.lossFloor = 4 } == "ordinary.lossFloor")
    #expect(refused { $0.silence.lossCeiling = 1001 } == "ordinary.lossCeiling")
    // Whoever is held would be lost before anybody looks.
    #expect(
      refused {
        $0.heartbeatInterval = .milliseconds(1)
        $0.silence.suspicionCeiling = 2
        $0.silence.lossFloor = 3
      } == "ordinary.lossFloor")
  }

  @Test func `what depends on the rhythm follows the interval`() {
    var script = TrackerScript { $0.heartbeatInterval = .milliseconds(10) }
    script.register()
    #expect(script.advance(.milliseconds(39)) == [])
    #expect(script.advance(.milliseconds(1)) == ["n1: healthy -> suspect (silent)"])
    #expect(script.advance(.milliseconds(60)).last == "move from n1 (silence)")
  }
}

struct DatagramConfigurationTests {
  @Test(arguments: HeartbeatPunctuality.allCases)
  func `what is proposed for datagrams is valid`(punctuality: HeartbeatPunctuality) throws {
    try NodeTracker.Configuration.datagrams(punctuality).validate()
  }

  @Test func `a steady rhythm in real time is lost after six intervals`() {
    var script = TrackerScript { $0 = .datagrams(.realTime) }
    script.register()
    for _ in 0..<40 {
      _ = script.advance(.milliseconds(5))
      script.beat()
    }
    #expect(script.advance(.milliseconds(29)).last == "n1: healthy -> suspect (silent)")
    #expect(script.advance(.milliseconds(1)).last == "move from n1 (silence)")
  }

  /// More than was seen on a machine with five times as much to do as it has processors for.
  @Test func `a gap of 240 ms is no loss where nothing is scheduled in real time`() {
    var script = TrackerScript { $0 = .datagrams(.ordinary) }
    script.register()
    for _ in 0..<40 {
      _ = script.advance(.milliseconds(10))
      script.beat()
    }
    #expect(script.advance(.milliseconds(240)) == ["n1: healthy -> suspect (silent)"])
    script.beat()
    #expect(script.advance(.milliseconds(400)).last == "move from n1 (silence)")
  }
}
