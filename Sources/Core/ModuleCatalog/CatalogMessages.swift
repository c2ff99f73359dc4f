public import ClusterModel

/// One module of an application that is to be deployed.
public struct DeploymentWish: Hashable, Sendable {
  public var name: ModuleName
  public var version: ModuleVersion
  public var configuration: DeploymentConfiguration
  public init(name: ModuleName, version: ModuleVersion, configuration: DeploymentConfiguration) {
    self.name = name
    self.version = version
    self.configuration = configuration
  }
}

extension Catalog {
  /// What has happened.
  public enum Input: Sendable {
    /// A module was verified and its bytes are durable.
    case moduleVerified(RequestID, ModuleVersionRecord)
    /// Something the security depends on was refused elsewhere and must be on record.
    case securityEventOccurred(SecurityEvent)
    case keyOffered(RequestID, TrustedKey, Requester)
    case keyRevocationRequested(RequestID, KeyID, Requester)
    case deploymentRequested(RequestID, ApplicationName, [DeploymentWish], Requester)
    case undeploymentRequested(RequestID, UndeployTarget, Requester)
    /// The last version of one deployment that was another one, or a certain one.
    case rollbackRequested(RequestID, QualifiedName, to: ModuleVersion?, Requester)
    /// Another number of nodes that serve a deployment.
    case scaleRequested(RequestID, QualifiedName, replicas: Int, Requester)
    /// It is ready wherever it is to serve.
    case placementReady(PlacementID)
    /// It is ready nowhere any more; it is being placed anew.
    case placementLost(PlacementID)
    /// It cannot run.
    case placementFailed(PlacementID, Problem)
    case persisted(PersistID)
    case persistFailed(PersistID, Problem)
    /// The program has loaded its store and begins.
    case started
  }

  /// What must be done.
  public enum Directive: Sendable {
    case persist(PersistID, [CatalogChange])
    case reply(RequestID, Reply)
    case progress(RequestID, CatalogStep)
    /// `for` names the request that watches; `nil` at start.
    case startPlacement(Deployment, ModuleVersionRecord, for: RequestID?)
    /// It is the deployment under its name from now on: it serves.
    case promotePlacement(PlacementID)
    /// It was replaced: it serves no more, and is kept ready for a rollback.
    case retainPlacement(PlacementID)
    case stopPlacement(PlacementID)
    /// Nothing is deployed under its name any more: it serves no more, and is not kept.
    case withdrawPlacement(PlacementID)
    /// Events must follow these deployments from now on.
    case route([RoutedDeployment])
    /// One of those is ready for events now, or no longer: said alone, because a node with many of them may be lost.
    case routeReadiness(QualifiedName, isReady: Bool)
  }

  /// How a request ended.
  public enum Reply: Sendable {
    case pushed(ModuleVersionRecord, existed: Bool)
    case keyTrusted(TrustedKey)
    case keyRevoked(TrustedKey)
    case deployed([Deployment])
    case undeployed([ModuleName])
    case refused(Problem)
  }
}

/// How far a deployment has come.
public enum CatalogStep: Hashable, Sendable {
  case accepted([ModuleName])
  case ready(ModuleName)
  case persisted
}
