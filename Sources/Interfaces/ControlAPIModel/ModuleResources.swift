public import ClusterModel
public import HostPorts

/// A version in the registry.
public struct ModuleVersionResource: Hashable, Sendable, Codable {
  public var namespace: Namespace
  public var name: ModuleName
  public var version: ModuleVersion
  public var digest: ModuleDigest
  /// Bytes, without the signature section.
  public var size: ByteCount
  public var signers: [KeyID]
  public var pushedAt: WallInstant
  public var pushedBy: Principal
  /// Given in the answer to a push: whether the version was there before, with these bytes.
  public var existed: Bool?

  public init(_ record: ModuleVersionRecord, existed: Bool? = nil) {
    namespace = record.namespace
    name = record.name
    version = record.version
    digest = record.digest
    size = record.size
    signers = record.signers
    pushedAt = record.pushedAt
    pushedBy = record.pushedBy
    self.existed = existed
  }

  public init(_ pushed: PushedVersion) { self.init(pushed.record, existed: pushed.existed) }
}
