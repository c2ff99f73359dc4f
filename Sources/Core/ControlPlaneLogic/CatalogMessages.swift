public import ClusterModel
public import EventRouting

/// One change that is being made durable.
public struct PersistID: Hashable, Comparable, Sendable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// Who asked for a change, and where.
public struct Requester: Hashable, Sendable {
  public var principal: Principal
  public var namespace: Namespace
  public init(principal: Principal, namespace: Namespace) {
    self.principal = principal
    self.namespace = namespace
  }
}

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

extension CatalogLogic {
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
    case placementReady(PlacementID)
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
    case stopPlacement(PlacementID)
    /// Events must follow these deployments from now on.
    case route([RoutedDeployment])
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
