import ArgumentParser
import DedicatedThreads
import NodeTracking

/// How the agents of a control plane beat, and when they are missed.
struct HeartbeatOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What agents leave between two heartbeats, 1ms to 60s (default: 5ms where threads are scheduled in real time, "
        + "10ms elsewhere). A node is lost after 6 to 10 of them there, after 25 to 40 elsewhere.",
      valueName: "time"))
  var heartbeatInterval: DurationArgument?

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
  }

  /// With bounds for what is permitted to this process; agents on other machines may be permitted less, so that
  /// they count for as much as this one.
  var tracking: NodeTracker.Configuration {
    var tracking: NodeTracker.Configuration
    switch HeartbeatScheduling.probe() {
    case .realTime: tracking = .datagrams(.realTime)
    case .ordinary: tracking = .datagrams(.ordinary)
    }
    if let heartbeatInterval { tracking.heartbeatInterval = heartbeatInterval.duration }
    if let heartbeatsPerSecond { tracking.heartbeatsPerSecond = heartbeatsPerSecond }
    return tracking
  }
}
