public import ClusterModel

/// A supervisor of services; times in milliseconds.
public struct ServiceTreeResource: Hashable, Sendable, Codable {
  public var strategy: SupervisionStrategy
  /// One more within the window, and it gives up.
  public var restarts: Int
  public var windowMilliseconds: Double
  /// In the order of their start.
  public var children: [Child]

  /// A service, or a group with a supervisor of its own.
  public struct Child: Hashable, Sendable, Codable {
    public var name: String
    /// Given for a service.
    public var restart: RestartType?
    /// Given for a service that is told to stop; missing for one that is killed at once.
    public var shutdownMilliseconds: Double?
    /// Given for a group.
    public var group: ServiceTreeResource?
  }

  public init(_ tree: ServiceTree) {
    strategy = tree.strategy
    restarts = tree.intensity.restarts
    windowMilliseconds = tree.intensity.window.milliseconds
    children = tree.children.map { child in
      switch child {
      case .service(let module, let restart, .within(let duration)):
        Child(
          name: module.text, restart: restart, shutdownMilliseconds: duration.milliseconds,
          group: nil)
      case .service(let module, let restart, .kill):
        Child(name: module.text, restart: restart, shutdownMilliseconds: nil, group: nil)
      case .group(let name, let tree):
        Child(
          name: name.text, restart: nil, shutdownMilliseconds: nil,
          group: ServiceTreeResource(tree))
      }
    }
  }
}
