/// What the control plane must not forget, as its store held it. Everything sorted by name.
public struct CatalogSnapshot: Sendable, Hashable {
  public var versions: [ModuleVersionRecord]
  public var deployments: [Deployment]
  /// Every deployment there ever was, sorted by name, then generation.
  public var history: [Deployment]
  public var keys: [TrustedKey]
  public var nodes: [KnownNode]
  /// The highest term that was raised; 0 when there was none.
  public var term: UInt64
  public init(
    versions: [ModuleVersionRecord] = [], deployments: [Deployment] = [],
    history: [Deployment] = [], keys: [TrustedKey] = [], nodes: [KnownNode] = [], term: UInt64 = 0
  ) {
    self.versions = versions
    self.deployments = deployments
    self.history = history
    self.keys = keys
    self.nodes = nodes
    self.term = term
  }
}
