/// A deployment as far as events are concerned.
public struct RoutedDeployment: Hashable, Sendable {
  public var name: QualifiedName
  /// Which placement runs its events.
  public var generation: Int
  public var configuration: DeploymentConfiguration
  /// Events wait while it is false.
  public var isReady: Bool
  public init(
    name: QualifiedName, generation: Int, configuration: DeploymentConfiguration, isReady: Bool
  ) {
    self.name = name
    self.generation = generation
    self.configuration = configuration
    self.isReady = isReady
  }
}
