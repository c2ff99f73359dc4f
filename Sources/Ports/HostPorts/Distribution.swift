public import ClusterModel
import Synchronization

/// How far a version is on its way to a node.
public struct DistributionStatus: Hashable, Sendable {
  public var node: NodeID
  public var placement: PlacementID
  public var version: ModuleVersion
  public var digest: ModuleDigest
  public var role: PlacementStanding
  public var stage: DistributionStage

  public init(
    node: NodeID, placement: PlacementID, version: ModuleVersion, digest: ModuleDigest,
    role: PlacementStanding, stage: DistributionStage
  ) {
    self.node = node
    self.placement = placement
    self.version = version
    self.digest = digest
    self.role = role
    self.stage = stage
  }
}

public enum DistributionStage: Hashable, Sendable {
  /// Until fewer are made ready at the same time.
  case waiting
  case fetching(TransferProgress.Amount)
  /// It is verified and compiled.
  case compiling
  case ready(since: WallInstant)
  case failed(Problem)
}

/// How far a transfer is: noted by whoever receives, read by others.
public final class TransferProgress: Sendable {
  public struct Amount: Hashable, Sendable {
    public var received: ByteCount
    /// Of the whole; `nil` when it is not known yet.
    public var size: ByteCount?

    public init(received: ByteCount, size: ByteCount?) {
      self.received = received
      self.size = size
    }
  }

  private let state = Mutex(Amount(received: ByteCount(bytes: 0), size: nil))

  public init() {}

  public var amount: Amount { state.withLock { $0 } }

  public func note(_ received: ByteCount, of size: ByteCount) {
    state.withLock { $0 = Amount(received: received, size: size) }
  }
}
