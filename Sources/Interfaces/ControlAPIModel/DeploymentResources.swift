public import ClusterModel
public import HostPorts

/// A deployment, and how it is.
public struct DeploymentResource: Hashable, Sendable, Codable {
  public enum State: String, Sendable, Codable, CaseIterable {
    case preparing, ready, failed
  }

  public var namespace: Namespace
  public var application: ApplicationName
  public var name: ModuleName
  public var version: ModuleVersion
  public var digest: ModuleDigest
  public var generation: Int
  public var deployedAt: WallInstant
  public var state: State
  /// Why it cannot run; given when the state is `failed`.
  public var problem: ProblemResource?
  public var kind: ModuleKind
  /// What wakes it.
  public var triggers: [TriggerResource]
  public var resultTopic: Topic?
  public var arguments: [String]
  public var environment: [EnvironmentVariable]
  public var limits: LimitsResource
  public var retry: RetryResource
  public var concurrency: Int
  /// Nodes that are to serve it at the same time.
  public var replicas: Int
  /// Whether running it twice on the same does no more than running it once.
  public var idempotent: Bool
  /// What it may reach beyond its event.
  public var capabilities: CapabilityGrants
  /// How it is watched over; given for services.
  public var supervision: ServiceTreeResource?

  public init(_ status: DeploymentStatus) {
    let deployment = status.deployment
    let configuration = deployment.configuration
    namespace = deployment.namespace
    application = deployment.application
    name = deployment.name
    version = deployment.version
    digest = deployment.digest
    generation = deployment.generation
    deployedAt = deployment.deployedAt
    switch status.state {
    case .preparing: state = .preparing
    case .ready: state = .ready
    case .failed(let reason):
      state = .failed
      problem = ProblemResource(reason)
    }
    kind = configuration.kind
    triggers = configuration.triggers.map { TriggerResource($0) }
    resultTopic = configuration.resultTopic
    arguments = configuration.arguments
    environment = configuration.environment
    limits = LimitsResource(configuration.limits)
    retry = RetryResource(configuration.retry)
    concurrency = configuration.concurrency
    replicas = configuration.placement.replicas
    idempotent = configuration.isIdempotent
    capabilities = configuration.capabilities
    supervision = configuration.serviceTree.map { ServiceTreeResource($0) }
  }
}

/// What wakes a module.
public struct TriggerResource: Hashable, Sendable, Codable {
  public var topic: TopicFilter
  /// Missing for all events of the topics.
  public var `where`: EventPattern?
  /// Missing for in no order.
  public var orderBy: OrderField?
  /// Missing for not shared.
  public var group: GroupName?

  public init(_ trigger: Trigger) {
    topic = trigger.topic
    `where` = trigger.pattern
    orderBy = trigger.orderBy
    group = trigger.group
  }
}

/// What one activation may use; times in milliseconds.
public struct LimitsResource: Hashable, Sendable, Codable {
  public var memoryBytes: ByteCount
  public var cpuTimeMilliseconds: Double
  public var wallTimeMilliseconds: Double
  public var outputBytes: ByteCount
  public var logBytes: ByteCount
  public var calls: Int
  public var callBytes: ByteCount
  public var outstandingCalls: Int
  public var openFiles: Int

  public init(_ limits: ActivationLimits) {
    memoryBytes = limits.memory
    cpuTimeMilliseconds = limits.cpuTime.milliseconds
    wallTimeMilliseconds = limits.wallTime.milliseconds
    outputBytes = limits.output
    logBytes = limits.log
    calls = limits.calls
    callBytes = limits.callBytes
    outstandingCalls = limits.outstandingCalls
    openFiles = limits.openFiles
  }
}

/// When a failed event is tried again; times in milliseconds.
public struct RetryResource: Hashable, Sendable, Codable {
  public var attempts: Int
  public var initialDelayMilliseconds: Double
  public var maximumDelayMilliseconds: Double
  public var answerGraceMilliseconds: Double

  public init(_ policy: RetryPolicy) {
    attempts = policy.attempts
    initialDelayMilliseconds = policy.initialDelay.milliseconds
    maximumDelayMilliseconds = policy.maximumDelay.milliseconds
    answerGraceMilliseconds = policy.answerGrace.milliseconds
  }
}

/// The body of `POST /v1/deployments`.
public struct DeployRequest: Hashable, Sendable, Codable {
  /// The text of the `wasmatrix.yaml`.
  public var manifest: String
  /// The registered version of each module of the manifest, by the module's name.
  public var versions: [String: ModuleVersion]

  public init(manifest: String, versions: [ModuleName: ModuleVersion]) {
    self.manifest = manifest
    self.versions = Dictionary(
      versions.map { ($0.key.text, $0.value) }, uniquingKeysWith: { _, last in last })
  }
}

/// The body of `POST /v1/deployments/{name}/rollback`.
public struct RollbackRequest: Hashable, Sendable, Codable {
  /// Missing for the last other version.
  public var version: ModuleVersion?
  public init(version: ModuleVersion?) { self.version = version }
}

/// The body of `POST /v1/deployments/{name}/scale`.
public struct ScaleRequest: Hashable, Sendable, Codable {
  /// Nodes that are to serve it at the same time: 0 to 1000.
  public var replicas: Int
  public init(replicas: Int) { self.replicas = replicas }
}

/// The body of `POST /v1/plan`.
public struct PlanRequest: Hashable, Sendable, Codable {
  /// The text of the `wasmatrix.yaml`.
  public var manifest: String
  public init(manifest: String) { self.manifest = manifest }
}

/// One entry in the history of a name.
public struct DeployedGenerationResource: Hashable, Sendable, Codable {
  public var application: ApplicationName
  public var version: ModuleVersion
  public var digest: ModuleDigest
  public var generation: Int
  public var deployedAt: WallInstant
  /// Nodes that were to serve it at the same time.
  public var replicas: Int

  public init(_ deployment: Deployment) {
    replicas = deployment.configuration.placement.replicas
    application = deployment.application
    version = deployment.version
    digest = deployment.digest
    generation = deployment.generation
    deployedAt = deployment.deployedAt
  }
}

/// What `DELETE /v1/deployments/{name}` is to remove: `?kind=`.
public enum UndeployKind: String, Sendable, Codable, CaseIterable {
  case application, module
}
