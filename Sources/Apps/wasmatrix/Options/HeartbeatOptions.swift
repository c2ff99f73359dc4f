import ArgumentParser
import ClusterModel
import DedicatedThreads
import NodeTracking

/// How the agents of a control plane beat, and when they are missed.
struct HeartbeatOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What agents leave between two heartbeats, 1ms to 60s (default: 5ms where threads are scheduled in real time on "
        + "both sides, 10ms elsewhere). A node is lost after 6 to 10 of them there, after 25 to 40 elsewhere.",
      valueName: "time"))
  var heartbeatInterval: DurationArgument?

  @Option(
    help: ArgumentHelp(
      "How long a node may be silent at the most before it is lost, however its threads are scheduled, 5 to 1000 "
        + "intervals; it is suspected, and lost at the earliest, after shares of that (default: 50ms where threads are "
        + "scheduled in real time on both sides, 400ms elsewhere).", valueName: "time"))
  var heartbeatCeiling: DurationArgument?

  @Option(
    help: ArgumentHelp(
      "How many heartbeats of all agents together are taken in a second: with more agents each beats half as often, or a "
        + "quarter, and its silence means something later (default: \(NodeTracker.Configuration().heartbeatsPerSecond)).",
      valueName: "number"))
  var heartbeatsPerSecond: Int?

  private static let intervals = Duration.milliseconds(1)...Duration.seconds(60)

  func validate() throws {
    if let heartbeatInterval, !Self.intervals.contains(heartbeatInterval.duration) {
      throw ValidationError("--heartbeat-interval is 1ms to 60s")
    }
    if let heartbeatsPerSecond, !(1...10_000_000).contains(heartbeatsPerSecond) {
      throw ValidationError("--heartbeats-per-second is 1 to 10000000")
    }
    do throws(InvalidValue) {
      try tracking.validate()
    } catch {
      // Nothing else can be wrong any more.
      throw ValidationError("--heartbeat-ceiling is \(error.rule)")
    }
  }

  /// With bounds for what is permitted to this process; of agents on other machines each says what is permitted to
  /// it.
  var tracking: NodeTracker.Configuration {
    rules(of: HeartbeatScheduling.probe().punctuality)
  }

  /// - Parameter punctuality: of the control plane.
  func rules(of punctuality: HeartbeatPunctuality) -> NodeTracker.Configuration {
    var tracking = NodeTracker.Configuration.datagrams(punctuality)
    if let heartbeatInterval {
      tracking.heartbeatInterval = heartbeatInterval.duration
      tracking.ordinary?.heartbeatInterval = heartbeatInterval.duration
    }
    tracking.heartbeatCeiling = heartbeatCeiling?.duration
    if let heartbeatsPerSecond { tracking.heartbeatsPerSecond = heartbeatsPerSecond }
    return tracking
  }
}
