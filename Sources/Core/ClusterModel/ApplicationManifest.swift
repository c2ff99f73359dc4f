/// What a `wasmatrix.yaml` says, checked.
public struct ApplicationManifest: Hashable, Sendable {
  public var name: ApplicationName
  /// What it keeps state in, in the order of the file; names unique.
  public var buckets: [Bucket]
  /// In the order of the file; names unique, never empty.
  public var modules: [Module]

  /// One entry under `modules`.
  public struct Module: Hashable, Sendable {
    public var name: ModuleName
    /// Where the code comes from.
    public var code: Code
    public var configuration: DeploymentConfiguration
    public init(name: ModuleName, code: Code, configuration: DeploymentConfiguration) {
      self.name = name
      self.code = code
      self.configuration = configuration
    }
  }

  /// Where the code of a module comes from.
  public enum Code: Hashable, Sendable {
    /// A file beside the manifest, pushed under `version`, or under a version made from its digest.
    case source(path: String, version: ModuleVersion?)
    /// A version that is in the registry already.
    case registered(ModuleVersion)
  }

  public init(name: ApplicationName, buckets: [Bucket] = [], modules: [Module]) {
    self.name = name
    self.buckets = buckets
    self.modules = modules
  }

  /// The only `apiVersion` there is so far.
  public static let apiVersion = "wasmatrix/v1"
}
