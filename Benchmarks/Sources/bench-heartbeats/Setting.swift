import ClusterModel
import DedicatedThreads
import NodeTracking

/// What is held against each other.
struct Setting: Encodable {
  var intervalMilliseconds: Int
  var isRealTime: Bool
  /// Processes that do nothing but use the processor.
  var burners: Int

  var urgency: ThreadUrgency { isRealTime ? .realTimeIfPermitted : .ordinary }

  /// The rules of the product, but for the interval.
  var configuration: NodeTracker.Configuration {
    var configuration = NodeTracker.Configuration.datagrams(isRealTime ? .realTime : .ordinary)
    configuration.heartbeatInterval = .milliseconds(intervalMilliseconds)
    return configuration
  }

  var text: String {
    "\(intervalMilliseconds) ms, \(isRealTime ? "real time" : "ordinary"), "
      + (burners > 0 ? "\(burners) busy processes" : "idle")
  }
}
