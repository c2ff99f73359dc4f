internal import HostPorts
internal import Telemetry

/// Every route there is.
enum APIRoutes {
  static func table(
    service: any APIService, supervision: any SupervisionService,
    backups: any BackupService, access: any AccessService, guardian: AccessGuard,
    registry: PrometheusRegistry
  ) -> RouteTable {
    var routes = HealthRoutes.routes(service: service, registry: registry)
    routes += ModuleRoutes.routes(service)
    routes += DeploymentRoutes.routes(service)
    routes.append(InvokeRoute.route(service))
    // Before the route of an event, whose offset could be any segment.
    routes.append(EventTailRoute.route(service))
    routes.append(EventReplayRoute.route(service))
    routes += EventRoutes.routes(service)
    routes += DeadLetterRoutes.routes(service)
    routes += TrustRoutes.routes(service)
    routes.append(LogRoute.route(service))
    routes += PlacementRoutes.routes(service)
    routes += ClusterRoutes.routes(service)
    routes += StateRoutes.routes(service)
    routes += SupervisionRoutes.routes(supervision, service)
    routes += BackupRoutes.routes(backups)
    routes += AccessRoutes.routes(access, guardian)
    routes.append(DescriptionRoute.route(describing: routes))
    return RouteTable(routes: routes)
  }

  /// What a node's own entrance has of them.
  static func entrance(
    _ service: any EntranceService, registry: PrometheusRegistry
  ) -> RouteTable {
    var routes = HealthRoutes.routes(service: service, registry: registry)
    routes.append(InvokeRoute.route(service))
    routes.append(EventRoutes.publish(service))
    routes.append(DescriptionRoute.route(describing: routes))
    return RouteTable(routes: routes)
  }
}
