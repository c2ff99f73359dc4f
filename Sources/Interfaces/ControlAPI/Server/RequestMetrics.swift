internal import ClusterModel
internal import CoreMetrics
internal import Synchronization
internal import Telemetry

/// Counts requests and how long they take, by method, route and status.
final class RequestMetrics: Sendable {
  private struct Key: Hashable {
    var method: String
    var route: String
    var status: Int
  }

  static let requests = "wasmatrix_http_requests_total"
  static let seconds = "wasmatrix_http_request_seconds"

  private let registry: PrometheusRegistry
  private let counters = Mutex<[Key: Counter]>([:])
  private let timers = Mutex<[String: Timer]>([:])

  init(registry: PrometheusRegistry) {
    self.registry = registry
    registry.describe(Self.requests, "HTTP requests, by method, route and status.")
    registry.describe(Self.seconds, "Time to answer an HTTP request, to the head of the answer.")
  }

  /// - Parameters:
  ///   - method: one of those that routes have, else `other`.
  ///   - route: the pattern of the route, else `other`.
  func record(method: String, route: String, status: Int, took duration: Duration) {
    let key = Key(method: method, route: route, status: status)
    let counter = counters.withLock { counters in
      if let known = counters[key] { return known }
      let new = Counter(
        label: Self.requests,
        dimensions: [("method", method), ("route", route), ("status", String(status))],
        factory: registry)
      counters[key] = new
      return new
    }
    counter.increment()
    let timer = timers.withLock { timers in
      if let known = timers[route] { return known }
      let new = Timer(label: Self.seconds, dimensions: [("route", route)], factory: registry)
      timers[route] = new
      return new
    }
    timer.recordNanoseconds(duration.nanoseconds)
  }
}
