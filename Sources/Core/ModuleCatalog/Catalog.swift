public import ClusterModel

/// Decides what is in the registry, who is trusted, and what is deployed.
///
/// What must be durable before it is acknowledged leaves as `persist`; the change takes effect, and
/// the reply leaves, with `persisted`. Changes that bear on each other are never on their way to the
/// store together, so that it does not matter in which order the host hears of them.
///
///     deployment requested ──not possible──> refused
///        │ startPlacement for each module
///        ▼
///     preparing ──one fails──> the started ones are stopped, the old stay ──> refused
///        │ all ready
///        ▼
///     persisting ──failed──> as above
///        │ persisted
///        ▼
///     routed to the new generations, the old ones retained or stopped, replied
///
/// A rollback is a deployment of one module as it was before, and a change of its scale one with another
/// number of replicas. Versions and the history of deployments
/// are kept for ever.
public struct Catalog: Sendable {
  /// How a deployment is on its node.
  public enum PlacementState: Hashable, Sendable {
    case preparing
    case ready
    case failed(Problem)
  }

  /// A deployment that is desired, and how it is.
  public struct Placed: Hashable, Sendable {
    public var deployment: Deployment
    public var state: PlacementState
  }

  /// What happens when a change is durable, or cannot be made so.
  enum Continuation: Sendable {
    case push(RequestID, ModuleVersionRecord)
    case trust(RequestID, TrustedKey)
    case revoke(RequestID, TrustedKey)
    case deploy(ApplicationKey)
    case undeploy(RequestID, [QualifiedName])
    /// The refusal is on record.
    case refuse(RequestID, Problem)
    case nothing
  }

  /// What is changed by one change at a time.
  enum Subject: Hashable, Sendable {
    case version(QualifiedName, ModuleVersion)
    case key(KeyID)

    static func version(of record: ModuleVersionRecord) -> Self {
      .version(QualifiedName(record.namespace, record.name), record.version)
    }
  }

  /// What is rolled out: an application, or one module of it.
  struct ApplicationKey: Hashable, Comparable, Sendable {
    var namespace: Namespace
    var name: ApplicationName
    /// The module that alone is changed; `nil` for all of them.
    var part: ModuleName?

    static func < (left: Self, right: Self) -> Bool {
      (left.namespace, left.name, left.part?.text ?? "")
        < (right.namespace, right.name, right.part?.text ?? "")
    }

    /// Whether both change the same.
    func overlaps(_ other: Self) -> Bool {
      namespace == other.namespace && name == other.name
        && (part == nil || other.part == nil || part == other.part)
    }
  }

  /// A deployment of an application that is under way.
  struct Rollout: Sendable {
    var request: RequestID
    var requester: Requester
    var deployments: [Deployment]
    /// Modules of the application that the new manifest has no more.
    var removed: [QualifiedName]
    var waiting: Set<PlacementID>
  }

  public internal(set) var versions: [QualifiedName: [ModuleVersionRecord]] = [:]
  public internal(set) var keys: [KeyID: TrustedKey] = [:]
  public internal(set) var placed: [QualifiedName: Placed] = [:]
  /// Every deployment there ever was under a name, oldest first.
  public internal(set) var history: [QualifiedName: [Deployment]] = [:]
  var rollouts: [ApplicationKey: Rollout] = [:]
  /// What is just being changed, and the inputs that would change it and wait for that.
  private(set) var changing: [Subject: [Input]] = [:]
  /// Deployments whose removal is being made durable.
  var leaving: Set<QualifiedName> = []
  /// The highest generation that was given out, by name.
  var generations: [QualifiedName: Int] = [:]
  var continuations: [PersistID: Continuation] = [:]
  private var lastPersist: UInt64 = 0

  public init(_ snapshot: CatalogSnapshot) {
    for record in snapshot.versions {
      versions[QualifiedName(record.namespace, record.name), default: []].append(record)
    }
    for key in snapshot.keys { keys[key.id] = key }
    for deployment in snapshot.history {
      history[deployment.qualifiedName, default: []].append(deployment)
      generations[deployment.qualifiedName] = deployment.generation
    }
    for deployment in snapshot.deployments {
      placed[deployment.qualifiedName] = Placed(deployment: deployment, state: .preparing)
    }
  }

  /// Takes in what has happened and says what must be done, in this order.
  public mutating func handle(_ input: Input, at now: Instants) -> [Directive] {
    var directives: [Directive] = []
    switch input {
    case .started: start(&directives)
    case .moduleVerified(let request, let record):
      guard !waits(input, for: .version(of: record)) else { break }
      add(record, request, now, &directives)
    case .securityEventOccurred(let event):
      persist([.appendSecurityEvent(event)], then: .nothing, &directives)
    case .keyOffered(let request, let key, let requester):
      guard !waits(input, for: .key(key.id)) else { break }
      trust(key, request, requester, now, &directives)
    case .keyRevocationRequested(let request, let id, let requester):
      guard !waits(input, for: .key(id)) else { break }
      revoke(id, request, requester, now, &directives)
    case .deploymentRequested(let request, let application, let wishes, let requester):
      deploy(application, wishes, request, requester, now, &directives)
    case .undeploymentRequested(let request, let wish, let requester):
      undeploy(wish, request, requester, now, &directives)
    case .rollbackRequested(let request, let name, let version, let requester):
      rollBack(name, version, request, requester, now, &directives)
    case .scaleRequested(let request, let name, let replicas, let requester):
      scale(name, replicas, request, requester, now, &directives)
    case .placementLost(let id): placementLost(id, &directives)
    case .placementReady(let id): placementReady(id, now, &directives)
    case .placementFailed(let id, let problem): placementFailed(id, problem, &directives)
    case .persisted(let id):
      continuations.removeValue(forKey: id).map { proceed($0, now, &directives) }
    case .persistFailed(let id, let problem):
      continuations.removeValue(forKey: id).map { giveUp($0, problem, now, &directives) }
    }
    return directives
  }

  /// Every key there is, revoked ones included, sorted by id.
  public var allKeys: [TrustedKey] { keys.values.sorted { $0.id < $1.id } }

  /// The deployments as events must follow them.
  public var routed: [RoutedDeployment] {
    placed.keys.sorted().compactMap { name in
      placed[name].map {
        RoutedDeployment(
          name: name, generation: $0.deployment.generation,
          configuration: $0.deployment.configuration, isReady: $0.state == .ready)
      }
    }
  }

  /// The record of a version; `nil` when it is not in the registry.
  public func record(_ name: QualifiedName, _ version: ModuleVersion) -> ModuleVersionRecord? {
    versions[name]?.first { $0.version == version }
  }

  mutating func persist(
    _ changes: [CatalogChange], then continuation: Continuation, _ directives: inout [Directive]
  ) {
    lastPersist += 1
    let id = PersistID(.catalog, lastPersist)
    continuations[id] = continuation
    directives.append(.persist(id, changes))
  }

  /// Makes a change durable; what would change the same waits until that is done or has failed.
  mutating func persist(
    _ changes: [CatalogChange], of subject: Subject, then continuation: Continuation,
    _ directives: inout [Directive]
  ) {
    changing[subject] = []
    persist(changes, then: continuation, &directives)
  }

  private mutating func waits(_ input: Input, for subject: Subject) -> Bool {
    guard changing[subject] != nil else { return false }
    changing[subject]?.append(input)
    return true
  }

  private mutating func endChange(
    of subject: Subject, _ now: Instants, _ directives: inout [Directive]
  ) {
    for input in changing.removeValue(forKey: subject) ?? [] {
      directives += handle(input, at: now)
    }
  }

  private mutating func start(_ directives: inout [Directive]) {
    for name in placed.keys.sorted() {
      guard let deployment = placed[name]?.deployment else { continue }
      guard let record = record(name, deployment.version) else {
        placed[name]?.state = .failed(Self.versionMissing(deployment.version, of: name))
        continue
      }
      directives.append(.startPlacement(deployment, record, for: nil))
    }
    directives.append(.route(routed))
  }

  static func versionMissing(_ version: ModuleVersion, of name: QualifiedName) -> Problem {
    Problem(
      .notFound, code: "version_unknown", "\(name)@\(version) is not in the registry",
      next: "Push it with `wasmatrix push FILE.wasm --name \(name.name) --version \(version)`.")
  }

  /// What waits for a change, once that is durable.
  private mutating func proceed(
    _ continuation: Continuation, _ now: Instants, _ directives: inout [Directive]
  ) {
    switch continuation {
    case .nothing: break
    case .push(let request, let record):
      versions[QualifiedName(record.namespace, record.name), default: []].append(record)
      directives.append(.reply(request, .pushed(record, existed: false)))
      endChange(of: .version(of: record), now, &directives)
    case .trust(let request, let key):
      keys[key.id] = key
      directives.append(.reply(request, .keyTrusted(key)))
      endChange(of: .key(key.id), now, &directives)
    case .revoke(let request, let key):
      revoked(key, request, now, &directives)
      endChange(of: .key(key.id), now, &directives)
    case .deploy(let application): deployed(application, now, &directives)
    case .undeploy(let request, let names): undeployed(names, request, &directives)
    case .refuse(let request, let problem): directives.append(.reply(request, .refused(problem)))
    }
  }

  private mutating func giveUp(
    _ continuation: Continuation, _ problem: Problem, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    switch continuation {
    case .nothing: break
    case .push(let request, let record):
      directives.append(.reply(request, .refused(problem)))
      endChange(of: .version(of: record), now, &directives)
    case .trust(let request, let key), .revoke(let request, let key):
      directives.append(.reply(request, .refused(problem)))
      endChange(of: .key(key.id), now, &directives)
    case .refuse(let request, _): directives.append(.reply(request, .refused(problem)))
    case .undeploy(let request, let names):
      leaving.subtract(names)
      directives.append(.reply(request, .refused(problem)))
    case .deploy(let application): abandon(application, problem, &directives)
    }
  }
}
