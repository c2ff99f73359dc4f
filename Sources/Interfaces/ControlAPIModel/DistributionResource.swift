public import ClusterModel
public import HostPorts

/// How far a version is on its way to a node.
public struct DistributionResource: Hashable, Sendable, Codable {
  public enum Stage: String, Hashable, Sendable, Codable, CaseIterable {
    case waiting, fetching, compiling, ready, failed
  }

  public var node: NodeID
  public var module: ModuleName
  public var version: ModuleVersion
  public var generation: Int
  public var digest: ModuleDigest
  public var role: PlacementStanding
  public var stage: Stage
  /// Given while it is fetched.
  public var receivedBytes: Int?
  /// Of the whole; given while it is fetched, once that is known.
  public var sizeBytes: Int?
  /// Given when it is ready.
  public var readySince: WallInstant?
  /// Given when it has failed.
  public var problem: ProblemResource?

  public init(_ status: DistributionStatus) {
    node = status.node
    module = status.placement.name.name
    version = status.version
    generation = status.placement.generation
    digest = status.digest
    role = status.role
    switch status.stage {
    case .waiting: stage = .waiting
    case .fetching(let amount):
      stage = .fetching
      receivedBytes = amount.received.bytes
      sizeBytes = amount.size?.bytes
    case .compiling: stage = .compiling
    case .ready(let since):
      stage = .ready
      readySince = since
    case .failed(let reason):
      stage = .failed
      problem = ProblemResource(reason)
    }
  }
}
