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

  private static let intervals = Duration.milliseconds(1)...Duration.seconds(60)

  func validate() throws {
    if let heartbeatInterval, !Self.intervals.contains(heartbeatInterval.duration) {
      throw ValidationError("--heartbeat-interval is 1ms to 60s")
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
    return tracking
  }
}
