internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird
internal import Telemetry

/// What machines look at: health and metrics.
enum HealthRoutes {
  static func routes(service: any EntranceService, registry: PrometheusRegistry) -> [Route] {
    [
      Route(
        .get, "/healthz",
        Operation(
          id: "health", summary: "Whether requests are taken.",
          answers: [.json(200, "They are.", Schema.ref("Health"))], problems: [.unavailable],
          isNamespaced: false)
      ) { _ in
        guard await service.isReady else {
          throw Problem(
            .unavailable, code: "not_ready", "the server is starting or stopping",
            next: "Ask again in a moment.")
        }
        return try .json(HealthResource())
      },
      Route(
        .get, "/metrics",
        Operation(
          id: "metrics", summary: "Metrics in the text format of Prometheus.",
          answers: [
            .init(status: 200, about: "The metrics.", content: ["text/plain": Schema.string])
          ],
          isNamespaced: false)
      ) { _ in
        .text(registry.exposition(), type: PrometheusRegistry.contentType)
      },
    ]
  }
}
