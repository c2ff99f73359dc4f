/// What the control plane must not forget, as its store held it. Everything sorted by name.
public struct CatalogSnapshot: Sendable, Hashable {
  public var versions: [ModuleVersionRecord]
  public var deployments: [Deployment]
  public var keys: [TrustedKey]
  public init(
    versions: [ModuleVersionRecord] = [], deployments: [Deployment] = [], keys: [TrustedKey] = []
  ) {
    self.versions = versions
    self.deployments = deployments
    self.keys = keys
  }
}
