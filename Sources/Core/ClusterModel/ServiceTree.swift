/// The name of a group of services, unique within its application.
public struct ServiceGroupName: ValidatedText {
  public static let kind = "name of a group"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// How a service is stopped. Either way its instance is gone afterwards.
public enum ServiceShutdown: Hashable, Sendable, Codable {
  /// Its standard input ends, which says that it is to end; what has not ended within this time is killed.
  case within(Duration)
  /// It is killed at once.
  case kill

  public static let standard = ServiceShutdown.within(.seconds(5))
  /// A node that is told to stop, or to run something else, waits no longer than this for one service.
  public static let range = Duration.milliseconds(1)...Duration.seconds(60)
}

/// The services of an application, as the tree of supervisors that watches over them. All of it runs on one
/// node: it is placed, replaced and given up together.
public struct ServiceTree: Hashable, Sendable, Codable {
  public var strategy: SupervisionStrategy
  public var intensity: RestartIntensity
  public var backOff: RestartBackOff
  /// In the order of their start; never empty.
  public var children: [Child]

  /// A service, or a group with a supervisor of its own.
  public enum Child: Hashable, Sendable, Codable {
    case service(ModuleName, restart: RestartType, shutdown: ServiceShutdown)
    case group(ServiceGroupName, ServiceTree)

    /// What it is called beneath its supervisor.
    public var name: String {
      switch self {
      case .service(let module, _, _): module.text
      case .group(let group, _): group.text
      }
    }
  }

  /// - Parameters:
  ///   - strategy: default: one-for-one.
  ///   - intensity: default: 3 restarts within 5 s.
  ///   - backOff: default: the first restart at once, then up to 100 ms, doubling up to 10 s.
  public init(
    strategy: SupervisionStrategy = .oneForOne, intensity: RestartIntensity = RestartIntensity(),
    backOff: RestartBackOff = RestartBackOff(), children: [Child]
  ) {
    self.strategy = strategy
    self.intensity = intensity
    self.backOff = backOff
    self.children = children
  }

  /// The services, in the order of their start.
  public var services: [ModuleName] {
    children.flatMap { child in
      switch child {
      case .service(let module, _, _): [module]
      case .group(_, let tree): tree.services
      }
    }
  }

  /// One of the services by itself, under the rules of its supervisor; `nil` when it is none of them.
  public func alone(_ module: ModuleName) -> ServiceTree? {
    for child in children {
      switch child {
      case .service(module, _, _):
        return ServiceTree(intensity: intensity, backOff: backOff, children: [child])
      case .service: continue
      case .group(_, let tree):
        if let found = tree.alone(module) { return found }
      }
    }
    return nil
  }

  /// The service whose places are those of all: the first by name.
  public var leader: ModuleName? { services.min() }

  /// What is allowed, and why nothing beyond: every decision of a supervisor looks at all its children and
  /// at all its recent restarts.
  public enum Range {
    public static let restarts = 0...1000
    public static let window = Duration.milliseconds(1)...Duration.seconds(3600)
    public static let immediate = 0...1000
    public static let delay = Duration.milliseconds(1)...Duration.seconds(3600)
    /// Groups within groups.
    public static let depth = 1...4
  }
}

/// What became of a service, or of the supervisor of some, or of a part of an agent's own process.
public struct ServiceNews: Hashable, Sendable {
  public enum Happening: Hashable, Sendable {
    /// A fresh instance runs, the n-th since its application began on this node.
    case started(Int)
    /// An instance has ended by itself.
    case ended(reason: String)
    /// It is started again after a wait; `restarts` were counted, this one included.
    case restarting(after: String, restarts: Int, delay: Duration)
    /// There were too many restarts, and its supervisor has given up.
    case escalated(after: String, restarts: Int, within: Duration)
  }

  /// A service of the application, or a group when the group as a whole failed. Of a part of an
  /// agent's process its path from the top of the tree on: `main/node/engine`.
  public var child: String
  public var namespace: Namespace
  /// `nil` for a part of an agent's process.
  public var application: ApplicationName?
  public var node: NodeID
  public var at: WallInstant
  public var happening: Happening

  public init(
    child: String, namespace: Namespace, application: ApplicationName?, node: NodeID,
    at: WallInstant, happening: Happening
  ) {
    self.child = child
    self.namespace = namespace
    self.application = application
    self.node = node
    self.at = at
    self.happening = happening
  }
}
