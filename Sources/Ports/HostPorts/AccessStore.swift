public import ClusterModel

/// Keeps who is let in: tokens, and the nodes that joined.
public protocol AccessStore: Sendable {
  /// What is kept.
  ///
  /// - Parameter node: of which node, too; `nil` for none.
  func access(of node: NodeID?) async throws(Problem) -> AccessSnapshot
  /// Decides on what is kept and changes it, with nothing between; returns when that would survive a power
  /// cut. Nothing is changed when `decide` throws.
  ///
  /// - Returns: what was changed.
  func changeAccess(
    of node: NodeID?,
    _ decide: @escaping @Sendable (AccessSnapshot) throws(Problem) -> [AccessChange]
  ) async throws(Problem) -> [AccessChange]
}

/// What the registry of a cluster is kept in.
public typealias RegistryStore = CatalogStore & AccessStore
