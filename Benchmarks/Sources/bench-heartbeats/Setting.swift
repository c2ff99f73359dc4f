import ClusterModel
import DedicatedThreads
import NodeTracking

/// What is held against each other.
struct Setting: Encodable {
  var intervalMilliseconds: Int
  var isRealTime: Bool
  /// Processes that do nothing but use the processor.
  var burners: Int

  /// - Parameter intervalMilliseconds: 0 is that of the product.
  init(_ intervalMilliseconds: Int, isRealTime: Bool, burners: Int) {
    self.intervalMilliseconds =
      intervalMilliseconds > 0 ? intervalMilliseconds : isRealTime ? 5 : 10
    self.isRealTime = isRealTime
    self.burners = burners
  }

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
