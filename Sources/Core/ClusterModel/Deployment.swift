/// What a module is to the platform.
public enum ModuleKind: String, Sendable, Codable, CaseIterable {
  /// A WASI preview 1 command: the event on standard input, the result on standard output.
  case command
  /// A WASI preview 1 command that runs for long, in one instance that is supervised. Nothing wakes it.
  case service
}

/// What wakes a module: events on topics that the filter matches, and of these the ones that the pattern
/// matches.
public struct Trigger: Hashable, Sendable, Codable {
  public var topic: TopicFilter
  /// `nil` for all events of the topics, also in what was stored before there were patterns.
  public var pattern: EventPattern?
  /// Events that say the same there are handled one after the other, in order; `nil` for in no order.
  public var orderBy: OrderField?
  /// Each event goes to one of the modules that share a group; `nil` for to this module in any case.
  public var group: GroupName?

  public init(
    topic: TopicFilter, pattern: EventPattern? = nil, orderBy: OrderField? = nil,
    group: GroupName? = nil
  ) {
    self.topic = topic
    self.pattern = pattern
    self.orderBy = orderBy
    self.group = group
  }
}

/// One environment variable of a guest.
public struct EnvironmentVariable: Hashable, Sendable, Codable {
  public var name: String
  public var value: String
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// How a module of an application runs: everything in its manifest entry but the code.
public struct DeploymentConfiguration: Hashable, Sendable, Codable {
  public var kind: ModuleKind
  public var triggers: [Trigger]
  /// Where the result of an event is published; `nil` for nowhere.
  public var resultTopic: Topic?
  public var arguments: [String]
  /// Sorted by name, names unique.
  public var environment: [EnvironmentVariable]
  public var limits: ActivationLimits
  public var retry: RetryPolicy
  /// The most activations of this deployment that run at the same time on events.
  public var concurrency: Int
  public var placement: PlacementRules
  public var capabilities: CapabilityGrants
  /// Whether running it twice on the same does no more than running it once: then an invocation of which
  /// it is not known what became of it is run again.
  public var isIdempotent: Bool
  /// The tree that it is a part of; given for services, and the same for all of an application.
  public var serviceTree: ServiceTree?

  public static let defaultConcurrency = 64
  public static let concurrencyRange = 1...10_000

  public init(
    kind: ModuleKind = .command, triggers: [Trigger] = [], resultTopic: Topic? = nil,
    arguments: [String] = [], environment: [EnvironmentVariable] = [],
    limits: ActivationLimits = ActivationLimits(), retry: RetryPolicy = RetryPolicy(),
    concurrency: Int = defaultConcurrency, placement: PlacementRules = PlacementRules(),
    capabilities: CapabilityGrants = .none, isIdempotent: Bool = false,
    serviceTree: ServiceTree? = nil
  ) {
    self.kind = kind
    self.triggers = triggers
    self.resultTopic = resultTopic
    self.arguments = arguments
    self.environment = environment.sorted { $0.name < $1.name }
    self.limits = limits
    self.retry = retry
    self.concurrency = concurrency
    self.placement = placement
    self.capabilities = capabilities
    self.isIdempotent = isIdempotent
    self.serviceTree = serviceTree
  }

  /// What each placement reserves of its node's memory.
  public var reservedMemory: ByteCount { placement.memory ?? limits.memory }
}

extension DeploymentConfiguration {
  private enum CodingKeys: String, CodingKey {
    case kind, triggers, resultTopic, arguments, environment, limits, retry, concurrency, placement
    case capabilities, isIdempotent, serviceTree
  }

  /// What was stored before there were placement rules, capabilities, services and what may be run again
  /// reads as having the usual rules, and none.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      kind: try container.decode(ModuleKind.self, forKey: .kind),
      triggers: try container.decode([Trigger].self, forKey: .triggers),
      resultTopic: try container.decodeIfPresent(Topic.self, forKey: .resultTopic),
      arguments: try container.decode([String].self, forKey: .arguments),
      environment: try container.decode([EnvironmentVariable].self, forKey: .environment),
      limits: try container.decode(ActivationLimits.self, forKey: .limits),
      retry: try container.decode(RetryPolicy.self, forKey: .retry),
      concurrency: try container.decode(Int.self, forKey: .concurrency),
      placement: try container.decodeIfPresent(PlacementRules.self, forKey: .placement)
        ?? PlacementRules(),
      capabilities: try container.decodeIfPresent(CapabilityGrants.self, forKey: .capabilities)
        ?? .none,
      isIdempotent: try container.decodeIfPresent(Bool.self, forKey: .isIdempotent) ?? false,
      serviceTree: try container.decodeIfPresent(ServiceTree.self, forKey: .serviceTree))
  }
}

/// A version of a module, by name.
public struct VersionReference: Hashable, Sendable, Codable {
  public var module: ModuleName
  public var version: ModuleVersion
  public init(module: ModuleName, version: ModuleVersion) {
    self.module = module
    self.version = version
  }
}

/// The wish: this version, run so.
public struct Deployment: Hashable, Sendable, Codable {
  public var namespace: Namespace
  public var application: ApplicationName
  public var name: ModuleName
  public var version: ModuleVersion
  public var digest: ModuleDigest
  public var configuration: DeploymentConfiguration
  /// Grows by one with each deployment under this name; orders them.
  public var generation: Int
  public var deployedAt: WallInstant

  public init(
    namespace: Namespace, application: ApplicationName, name: ModuleName, version: ModuleVersion,
    digest: ModuleDigest, configuration: DeploymentConfiguration, generation: Int,
    deployedAt: WallInstant
  ) {
    self.namespace = namespace
    self.application = application
    self.name = name
    self.version = version
    self.digest = digest
    self.configuration = configuration
    self.generation = generation
    self.deployedAt = deployedAt
  }
}
